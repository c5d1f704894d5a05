# How everything in this repository is compiled, and the two functions the folders use.

if(NOT CMAKE_BUILD_TYPE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${LOGWOOD_LTO})
if(PROJECT_IS_TOP_LEVEL)
  find_program(LOGWOOD_CCACHE ccache)
  if(LOGWOOD_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${LOGWOOD_CCACHE}")
  endif()
endif()

add_compile_options(-Wall -Wextra -Wshadow -fno-plt)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wthread-safety -fcolor-diagnostics)
else()
  # GCC 12 sees overflows in std::string's operator+ that are not there (GCC bug 105651).
  add_compile_options(-fdiagnostics-color=auto -Wno-array-bounds -Wno-restrict
                      -Wno-stringop-overflow)
endif()
if(LOGWOOD_WERROR)
  add_compile_options(-Werror)
endif()
if(LOGWOOD_SANITIZE)
  add_compile_options(-fsanitize=${LOGWOOD_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LOGWOOD_SANITIZE})
  find_program(LOGWOOD_LLD NAMES ld.lld)
  if(LOGWOOD_LLD)
    add_link_options(-fuse-ld=lld)  # a third of the time, forty programs
  endif()
endif()

# Compiles a target's files in units of several, so that headers are read once for all of them. The
# files' unnamed namespaces become one: their names must differ. Where nobody edits (tests in shards:
# .ci/run) they are as few as one compiler's memory lets them be, and alike: most of a unit's time goes
# into what its headers instantiate.
function(logwood_in_few_units target)
  if(LOGWOOD_UNITY)
    set(unit_files 20)
    if(LOGWOOD_TEST_SHARDS)
      get_target_property(sources ${target} SOURCES)
      list(LENGTH sources files)
      math(EXPR units "(${files} + 54) / 55")
      math(EXPR unit_files "(${files} + ${units} - 1) / ${units}")
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${unit_files})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # To GCC a unit's files are headers, where a type with an unnamed namespace inside is a mistake.
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
    endif()
  endif()
endfunction()

# One core folder: every .cc in it, as the object target logwood_<folder>.
#   logwood_add_folder(wal DEPENDS util)
function(logwood_add_folder folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS")
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  if(NOT sources)
    set(sources "${CMAKE_CURRENT_BINARY_DIR}/empty.cc")
    file(WRITE "${sources}" "// ${folder} has no source file yet.\n")
  endif()
  add_library(logwood_${folder} OBJECT ${sources})
  target_include_directories(logwood_${folder} PUBLIC "${PROJECT_SOURCE_DIR}/include"
                                                      "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(logwood_${folder}
                             PRIVATE LOGWOOD_VERSION_STRING="${PROJECT_VERSION}")
  logwood_in_few_units(logwood_${folder})
  list(TRANSFORM arg_DEPENDS PREPEND logwood_)
  target_link_libraries(logwood_${folder} PUBLIC ${arg_DEPENDS})
endfunction()

# What lives in this repository beside the core (tests, tools, benchmarks) may include the core's
# own headers and links the static library.
function(logwood_use_internals target)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE logwood)
endfunction()

# For folders that leave the work to the core: under a sanitizer most of their time is the compiler's.
macro(logwood_compile_quickly)
  if(LOGWOOD_SANITIZE)
    add_compile_options(-O0)
  endif()
endmacro()

# For what is there to be built and tried, and has no speed that .ci/run looks at.
macro(logwood_compile_to_try)
  logwood_compile_quickly()
  if(LOGWOOD_TEST_SHARDS)
    if(NOT LOGWOOD_SANITIZE)
      add_compile_options(-O1)
    endif()
    add_compile_options(-g0)
  endif()
endmacro()
