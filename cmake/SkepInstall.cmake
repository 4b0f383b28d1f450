# SPDX-License-Identifier: MIT
# What `make install` puts where. The installed tree may be moved: skep.pc and skepConfig.cmake find
# everything from where they lie.
include(CMakePackageConfigHelpers)

# What a program needs besides libskep.a, by name: rooms list libraries by their pkg-config target.
set(skep_static_libraries m)
get_property(libraries GLOBAL PROPERTY SKEP_ROOM_LIBRARIES)
foreach(library ${libraries})
    string(REPLACE "PkgConfig::" "" library "${library}")
    list(APPEND skep_static_libraries ${${library}_LIBRARIES})
endforeach()
list(TRANSFORM skep_static_libraries PREPEND "-l" OUTPUT_VARIABLE skep_pc_private)
list(APPEND skep_pc_private -pthread)
list(JOIN skep_pc_private " " skep_pc_private)

set(pc_folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
set(config_folder "${CMAKE_INSTALL_LIBDIR}/cmake/skep")
file(RELATIVE_PATH skep_pc_prefix "/${pc_folder}" "/")
string(REGEX REPLACE "/$" "" skep_pc_prefix "${skep_pc_prefix}")
configure_file(cmake/skep.pc.in skep.pc @ONLY)
configure_file(cmake/skep-serve.pc.in skep-serve.pc @ONLY)
configure_package_config_file(cmake/skepConfig.cmake.in skepConfig.cmake
    INSTALL_DESTINATION "${config_folder}"
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(skepConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS skep_shared skep_static skep_serve_shared skep_serve_static)
install(DIRECTORY include/skep TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/skep.pc" "${PROJECT_BINARY_DIR}/skep-serve.pc" DESTINATION "${pc_folder}")
install(FILES "${PROJECT_BINARY_DIR}/skepConfig.cmake"
    "${PROJECT_BINARY_DIR}/skepConfigVersion.cmake" DESTINATION "${config_folder}")
install(FILES LICENSE third_party/NOTICE TYPE DOC)
if(TARGET skep)
    install(TARGETS skep)
endif()
