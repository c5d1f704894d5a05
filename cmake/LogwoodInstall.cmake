# What `cmake --install` lays down: headers, both libraries, the package files for CMake and
# pkg-config. The command is installed by tools/CMakeLists.txt.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/logwood")

install(DIRECTORY include/logwood DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING
        PATTERN "*.h")
install(TARGETS logwood logwood_shared EXPORT logwood
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT logwood NAMESPACE logwood:: DESTINATION "${package_dir}" FILE logwoodTargets.cmake)

configure_package_config_file(cmake/logwoodConfig.cmake.in
                              "${PROJECT_BINARY_DIR}/package/logwoodConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/logwoodConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/logwoodConfig.cmake"
              "${PROJECT_BINARY_DIR}/package/logwoodConfigVersion.cmake" cmake/FindxxHash.cmake
        DESTINATION "${package_dir}")

# The .pc file finds its prefix from where it lies, so that a moved installation still works.
file(RELATIVE_PATH LOGWOOD_PC_TO_PREFIX "/x/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/x")
configure_file(cmake/logwood.pc.in "${PROJECT_BINARY_DIR}/package/logwood.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/logwood.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(FILES LICENSE README.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs DESTINATION "${CMAKE_INSTALL_DOCDIR}")
