# Compiler and linker flags shared by everything that is built here.
add_library(selfsup_options INTERFACE)
target_compile_options(
  selfsup_options INTERFACE -Wall -Wextra -Werror $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -fstack-protector-strong
                            $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
target_link_options(selfsup_options INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105651 and its kin: false alarms on `"text" + std::string`.
  target_compile_options(selfsup_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict> $<$<COMPILE_LANGUAGE:CXX>:-Wno-stringop-overflow>)
endif()

set(SELFSUP_SANITIZE "" CACHE STRING "sanitizers for everything built here, as in -fsanitize=")
if(SELFSUP_SANITIZE)
  target_compile_options(selfsup_options INTERFACE -fsanitize=${SELFSUP_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(selfsup_options INTERFACE -fsanitize=${SELFSUP_SANITIZE})
endif()
