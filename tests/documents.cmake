# The C++ in the documents compiles and runs. A block
#
#   <!-- run: counting -->
#   ```cpp
#   ...
#   ```
#
# becomes the program doc_counting and the test docs.counting; blocks of one name join up. The
# extraction happens when CMake runs, again whenever a document changes.
file(GLOB documents CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/*.md")
file(GLOB_RECURSE more_documents CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/*.md"
     "${PROJECT_SOURCE_DIR}/examples/*.md" "${PROJECT_SOURCE_DIR}/bench/*.md"
     "${PROJECT_SOURCE_DIR}/tests/*.md")
list(APPEND documents ${more_documents})
set(extract "${PROJECT_SOURCE_DIR}/tools/checks/extract_examples")
set(extracted "${CMAKE_CURRENT_BINARY_DIR}/documents")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${documents} "${extract}")

execute_process(COMMAND "${extract}" "${extracted}" ${documents} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB sources "${extracted}/*.cc")
set(options -Wno-unused-variable -Wno-unused-but-set-variable)
if(LOGWOOD_TEST_SHARDS GREATER 0)
  list(APPEND options ${test_options_slow})
endif()
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  add_executable(doc_${name} ${source})
  target_link_libraries(doc_${name} PRIVATE logwood::logwood)
  target_compile_options(doc_${name} PRIVATE ${options})
  add_test(NAME docs.${name} COMMAND "${in_scratch}" $<TARGET_FILE:doc_${name}>)
  set_tests_properties(docs.${name} PROPERTIES LABELS docs TIMEOUT 60)
endforeach()
