# Finds LibTorch inside an unpacked `torch` wheel and offers it as LibTorch::cpu (and LibTorch::cuda).
# The wheel's own package file insists on nvcc, even on machines without a GPU; this module needs none.
#
# Looked up in this order: SELFSUP_TORCH_DIR (cache or environment), .deps/torch in the source tree, an importable torch.
# Sets LibTorch_FOUND, LibTorch_VERSION, LibTorch_DIR (the folder `torch` itself).

set(_ssp_torch_dirs "")
foreach(_dir "${SELFSUP_TORCH_DIR}" "$ENV{SELFSUP_TORCH_DIR}")
  if(_dir)
    if(NOT EXISTS "${_dir}/lib/libtorch_cpu.so")
      message(FATAL_ERROR "SELFSUP_TORCH_DIR is ${_dir}, which holds no lib/libtorch_cpu.so. "
                          "Point it at the folder `torch` of an installed wheel, or unset it and run `sh scripts/setup.sh`.")
    endif()
    list(APPEND _ssp_torch_dirs "${_dir}")
  endif()
endforeach()
list(APPEND _ssp_torch_dirs "${CMAKE_SOURCE_DIR}/.deps/torch-${SELFSUP_TORCH_PREFERRED}/torch")
find_package(Python3 QUIET COMPONENTS Interpreter)
if(Python3_FOUND)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
            "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE _ssp_importable OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND _ssp_torch_dirs "${_ssp_importable}")
endif()

set(LibTorch_DIR "")
foreach(_dir IN LISTS _ssp_torch_dirs)
  if(_dir AND NOT LibTorch_DIR AND EXISTS "${_dir}/lib/libtorch_cpu.so")
    set(LibTorch_DIR "${_dir}")
  endif()
endforeach()

if(LibTorch_DIR)
  file(STRINGS "${LibTorch_DIR}/version.py" _ssp_line REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${_ssp_line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_DIR VERSION_VAR LibTorch_VERSION HANDLE_VERSION_RANGE
                                  REASON_FAILURE_MESSAGE "run `sh scripts/setup.sh`, or set SELFSUP_TORCH_DIR to the folder `torch` of a wheel")

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
