# SPDX-License-Identifier: MIT
# What the library, the program and the examples are made of.

# skep_room(NAME SOURCES… [LIBRARIES targets…] [SQLITE]): the sources of one room of the library. A
# room is an object library; the rooms together become libskep.so and libskep.a
# (src/CMakeLists.txt). What a room may include is checked by tools/check-floors, not by include
# paths; only SQLite's header is kept from all but the room that says SQLITE.
function(skep_room name)
    cmake_parse_arguments(PARSE_ARGV 1 R "SQLITE" "" "LIBRARIES")
    add_library(skep_${name} OBJECT ${R_UNPARSED_ARGUMENTS})
    target_link_libraries(skep_${name} PUBLIC skep_flags ${R_LIBRARIES})
    target_include_directories(skep_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_compile_definitions(skep_${name} PRIVATE "SKEP__ROOM=\"${name}\"")
    if(R_SQLITE)
        target_include_directories(skep_${name} SYSTEM PRIVATE "${SKEP_SQLITE_INCLUDE}")
    endif()
    set_property(GLOBAL APPEND PROPERTY SKEP_ROOM_TARGETS skep_${name})
    set_property(GLOBAL APPEND PROPERTY SKEP_ROOM_LIBRARIES ${R_LIBRARIES})
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
