# find_package(SelfsupSDK): the plugin ABI's headers as SelfsupSDK::sdk, and selfsup_add_plugin. Relocatable.
get_filename_component(_ssp_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET SelfsupSDK::sdk)
  add_library(SelfsupSDK::sdk INTERFACE IMPORTED)
  set_target_properties(SelfsupSDK::sdk PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_ssp_prefix}/include")
endif()
include("${CMAKE_CURRENT_LIST_DIR}/SelfsupPlugin.cmake")
