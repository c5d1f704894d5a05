# The two libraries, made of the same objects: logwood (liblogwood.a) and logwood_shared
# (liblogwood.so, which exports LOGWOOD_EXPORT and nothing else).

set(logwood_objects
    $<TARGET_OBJECTS:logwood_util> $<TARGET_OBJECTS:logwood_wal> $<TARGET_OBJECTS:logwood_memtable>
    $<TARGET_OBJECTS:logwood_table> $<TARGET_OBJECTS:logwood_compaction>
    $<TARGET_OBJECTS:logwood_db>)

add_library(logwood STATIC ${logwood_objects})
add_library(logwood_shared SHARED ${logwood_objects})
# Before 1.0 a minor version may break the interface.
set_target_properties(
  logwood_shared PROPERTIES OUTPUT_NAME logwood VERSION ${PROJECT_VERSION}
                            SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set_property(TARGET logwood logwood_shared PROPERTY LINKER_LANGUAGE CXX)

foreach(library IN ITEMS logwood logwood_shared)
  add_library(logwood::${library} ALIAS ${library})
  target_compile_features(${library} PUBLIC cxx_std_20)
  target_include_directories(
    ${library} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${library} PRIVATE Snappy::snappy xxHash::xxhash Threads::Threads)
endforeach()

set(version_script "${PROJECT_SOURCE_DIR}/cmake/logwood.map")
target_link_options(logwood_shared PRIVATE "LINKER:--version-script=${version_script}")
set_property(TARGET logwood_shared APPEND PROPERTY LINK_DEPENDS "${version_script}")
if(NOT LOGWOOD_SANITIZE)
  target_link_options(logwood_shared PRIVATE "LINKER:--no-undefined")
endif()
