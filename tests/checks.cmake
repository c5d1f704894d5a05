# The checks that keep the house clean, as tests. Each is a script in tools/checks that can be run by
# hand. They look at sources, so one preset (any without a sanitizer) runs them.
if(LOGWOOD_SANITIZE)
  return()
endif()

foreach(check IN ITEMS layers banned_calls sizes headers documents self_test)
  add_test(NAME check.${check} COMMAND "${PROJECT_SOURCE_DIR}/tools/checks/${check}")
  set_tests_properties(check.${check} PROPERTIES LABELS check TIMEOUT 600 COST 100
                                                 ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER}")
endforeach()

add_test(NAME check.install
         COMMAND "${PROJECT_SOURCE_DIR}/tools/checks/install" "${PROJECT_BINARY_DIR}"
                 "${CMAKE_BUILD_TYPE}")
set_tests_properties(check.install PROPERTIES LABELS check TIMEOUT 600 SKIP_RETURN_CODE 77
                                              ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER}")
