# SPDX-License-Identifier: MIT
# What the library, the program and the examples are made of.

# skep_room(NAME SOURCES… [LIBRARIES targets…] [SQLITE] [APART]): the sources of one room of the library. A
# room is an object library; the rooms together become libskep.so and libskep.a
# (src/CMakeLists.txt). What a room may include is checked by tools/check-floors, not by include
# paths; only SQLite's header is kept from all but the room that says SQLITE. One that is APART goes
# into a library of its own (skep_library()).
function(skep_room name)
    cmake_parse_arguments(PARSE_ARGV 1 R "SQLITE;APART" "" "LIBRARIES")
    add_library(skep_${name} OBJECT ${R_UNPARSED_ARGUMENTS})
    target_link_libraries(skep_${name} PUBLIC skep_flags ${R_LIBRARIES})
    target_include_directories(skep_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_compile_definitions(skep_${name} PRIVATE "SKEP__ROOM=\"${name}\"")
    if(R_SQLITE)
        target_include_directories(skep_${name} SYSTEM PRIVATE "${SKEP_SQLITE_INCLUDE}")
    endif()
    if(R_APART)
        return()
    endif()
    set_property(GLOBAL APPEND PROPERTY SKEP_ROOM_TARGETS skep_${name})
    set_property(GLOBAL APPEND PROPERTY SKEP_ROOM_LIBRARIES ${R_LIBRARIES})
endfunction()

# skep_library(NAME ROOM [LIBRARIES targets…]): libskep-NAME, shared and static, of a room that is
# built on libskep's public headers; as libskep's, only skep_[a-z]* leaves it. For tests, which may
# use what is hidden, skep_NAME_rooms.
function(skep_library name room)
    cmake_parse_arguments(PARSE_ARGV 2 L "" "" "LIBRARIES")
    set(map "${PROJECT_SOURCE_DIR}/cmake/skep.map")
    add_library(skep_${name}_shared SHARED $<TARGET_OBJECTS:skep_${room}>)
    target_link_libraries(skep_${name}_shared PRIVATE skep_flags skep_shared ${L_LIBRARIES})
    target_link_options(skep_${name}_shared PRIVATE "-Wl,--version-script=${map}")
    set_target_properties(skep_${name}_shared PROPERTIES OUTPUT_NAME skep-${name}
        LINKER_LANGUAGE C VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        INSTALL_RPATH "$ORIGIN" LINK_DEPENDS "${map}")

    set(one "${CMAKE_CURRENT_BINARY_DIR}/skep-${name}.o")
    add_custom_command(OUTPUT "${one}"
        COMMAND "${CMAKE_LINKER}" -r -o "${one}.all" $<TARGET_OBJECTS:skep_${room}>
        COMMAND "${CMAKE_OBJCOPY}" --localize-hidden "${one}.all" "${one}"
        COMMAND "${CMAKE_COMMAND}" -E rm "${one}.all"
        DEPENDS skep_${room} $<TARGET_OBJECTS:skep_${room}>
        COMMAND_EXPAND_LISTS VERBATIM COMMENT "One object of libskep-${name}")
    add_library(skep_${name}_static STATIC "${one}")
    target_link_libraries(skep_${name}_static INTERFACE skep_static ${L_LIBRARIES})
    set_target_properties(skep_${name}_static PROPERTIES OUTPUT_NAME skep-${name}
        LINKER_LANGUAGE C)

    add_library(skep_${name}_rooms STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:skep_${room}>)
    target_link_libraries(skep_${name}_rooms PUBLIC skep_rooms ${L_LIBRARIES})
    set_target_properties(skep_${name}_rooms PROPERTIES LINKER_LANGUAGE C)
endfunction()

# skep_program(NAME SOURCES… [LIBRARIES targets…]): a program on the public API. It is linked with
# libskep.a, in which hidden symbols are local: so it runs from any folder without a library path,
# and cannot use what an application could not.
function(skep_program name)
    cmake_parse_arguments(PARSE_ARGV 1 P "" "" "LIBRARIES")
    add_executable(${name} ${P_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE skep_flags skep_static ${P_LIBRARIES})
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
endfunction()
