# The checks that keep the house clean, as tests. Each is a script in tools/checks that can be run by
# hand. They look at sources, so one preset (any without a sanitizer) runs them. Then what nobody runs
# every day and what would else rot: tests/scale, small, and the table of tests/campaign.
if(LOGWOOD_SANITIZE)
  return()
endif()

foreach(check IN ITEMS layers banned_calls sizes headers documents by_hand self_test)
  add_test(NAME check.${check} COMMAND "${PROJECT_SOURCE_DIR}/tools/checks/${check}")
  set_tests_properties(check.${check} PROPERTIES LABELS check TIMEOUT 600 COST 100
                                                 ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER}")
endforeach()

add_test(NAME check.install
         COMMAND "${PROJECT_SOURCE_DIR}/tools/checks/install" "${PROJECT_BINARY_DIR}"
                 "${CMAKE_BUILD_TYPE}")
set_tests_properties(check.install PROPERTIES LABELS check TIMEOUT 600 SKIP_RETURN_CODE 77
                                              ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER}")

if(TARGET logwood_command)
  # As many as a budget of 20 MiB does not hold.
  add_test(NAME scale.small COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/scale" --records 150000 --memory 20
                                    --bin "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  set_tests_properties(scale.small PROPERTIES LABELS scale TIMEOUT 300)
endif()

# With the engines whose packages are installed.
if(TARGET logwood_compare)
  add_test(NAME compare.small COMMAND "${in_scratch}" $<TARGET_FILE:logwood_compare> --num 3000
                                      --sync-num 20 --runs 1 --dir .)
  set_tests_properties(compare.small PROPERTIES LABELS compare TIMEOUT 300)
endif()

set(campaign "${CMAKE_CURRENT_SOURCE_DIR}/campaign")
add_test(NAME campaign.list COMMAND bash -c "\"$0\" --list && \"$0\" --check \"$1\"" "${campaign}"
                                    "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_test(NAME campaign.bad_option COMMAND bash -c "\"$0\" --nonsense; test $? = 2" "${campaign}")
set_tests_properties(campaign.list campaign.bad_option PROPERTIES LABELS campaign TIMEOUT 300)
