# Finds LibTorch inside an unpacked `torch` wheel and offers it as LibTorch::cpu.
# The wheel's own package file insists on nvcc, even on machines without a GPU; this module needs none.
#
# Looked up in this order: SELFSUP_TORCH_DIR (cache or environment), .deps/torch-${SELFSUP_TORCH_PREFERRED}/torch in the
# source tree, an importable torch.
# Sets LibTorch_FOUND, LibTorch_VERSION, LibTorch_DIR (the folder `torch` itself).

function(_ssp_torch_version dir out)
  set(version "")
  if(EXISTS "${dir}/lib/libtorch_cpu.so" AND EXISTS "${dir}/version.py")
    file(STRINGS "${dir}/version.py" line REGEX "^__version__")
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${line}")
  endif()
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

set(_ssp_how "run `sh scripts/setup.sh`, or set SELFSUP_TORCH_DIR to the folder `torch` of an installed wheel")
set(_ssp_range "supported are ${LibTorch_FIND_VERSION_MIN} up to, not including, ${LibTorch_FIND_VERSION_MAX}")
set(_ssp_tried "")
set(LibTorch_DIR "")
set(LibTorch_VERSION "")

# Takes DIR if nothing was taken yet and its version is in range; notes why not.
macro(_ssp_consider dir)
  if(NOT LibTorch_DIR)
    _ssp_torch_version("${dir}" _version)
    if(NOT _version)
      string(APPEND _ssp_tried "\n  ${dir}: no lib/libtorch_cpu.so and version.py there")
    elseif(_version VERSION_LESS LibTorch_FIND_VERSION_MIN OR NOT _version VERSION_LESS LibTorch_FIND_VERSION_MAX)
      string(APPEND _ssp_tried "\n  ${dir}: LibTorch ${_version}; ${_ssp_range}")
    else()
      get_filename_component(LibTorch_DIR "${dir}" ABSOLUTE)
      set(LibTorch_VERSION "${_version}")
    endif()
  endif()
endmacro()

# The environment's word is kept, as CMake keeps CC: a build folder stays with the LibTorch that it began with.
if(NOT SELFSUP_TORCH_DIR AND NOT "$ENV{SELFSUP_TORCH_DIR}" STREQUAL "")
  set(SELFSUP_TORCH_DIR "$ENV{SELFSUP_TORCH_DIR}" CACHE PATH "the folder torch of an unpacked wheel")
endif()
if(SELFSUP_TORCH_DIR)
  _ssp_consider("${SELFSUP_TORCH_DIR}")
  if(NOT LibTorch_DIR)
    message(FATAL_ERROR "SELFSUP_TORCH_DIR does not serve:${_ssp_tried}\n${_ssp_how}")
  endif()
else()
  _ssp_consider("${CMAKE_SOURCE_DIR}/.deps/torch-${SELFSUP_TORCH_PREFERRED}/torch")
  if(NOT LibTorch_DIR)
    execute_process(
      COMMAND python3 "${CMAKE_CURRENT_LIST_DIR}/../scripts/torch_folder.py"
      OUTPUT_VARIABLE _ssp_importable OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(_ssp_importable)
      _ssp_consider("${_ssp_importable}")
    endif()
  endif()
  if(NOT LibTorch_DIR)
    message(FATAL_ERROR "no LibTorch found. Tried:${_ssp_tried}\n${_ssp_how}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_DIR VERSION_VAR LibTorch_VERSION HANDLE_VERSION_RANGE)

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  foreach(_lib c10 torch_cpu)
    add_library(LibTorch::${_lib} SHARED IMPORTED)
    set_target_properties(LibTorch::${_lib} PROPERTIES IMPORTED_LOCATION "${LibTorch_DIR}/lib/lib${_lib}.so" IMPORTED_SONAME
                                                                                                            "lib${_lib}.so")
  endforeach()
  add_library(LibTorch::headers INTERFACE IMPORTED)
  # -idirafter: the wheel carries its own fmt, which must not shadow the one that spdlog was built for. SHELL: keeps both flags.
  target_compile_options(
    LibTorch::headers INTERFACE "SHELL:-idirafter ${LibTorch_DIR}/include"
                                "SHELL:-idirafter ${LibTorch_DIR}/include/torch/csrc/api/include")
  target_compile_definitions(LibTorch::headers INTERFACE USE_DISTRIBUTED)
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  target_link_libraries(LibTorch::cpu INTERFACE LibTorch::headers LibTorch::torch_cpu LibTorch::c10)
endif()
