# SPDX-License-Identifier: MIT
# Tests use all rooms with their hidden symbols, SQLite's header, and Check with our harness on top.
# Every test ends its output with "harness: P passed, F failed, S skipped"; tools/run-tests adds up.

set(SKEP_TEST_ENVIRONMENT
    "ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1"
    "SKEP_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "SKEP_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "SKEP_PROGRAM=${PROJECT_BINARY_DIR}/src/cli/skep"
    "SKEP_SQLITE_INCLUDE=${SKEP_SQLITE_INCLUDE}")
if(SKEP_TEST_BUILD)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()

# skep_harness(SOURCES…): the library under all test programs; called once, in tests/harness.
function(skep_harness)
    add_library(skep_harness STATIC ${ARGN})
    target_link_libraries(skep_harness PUBLIC skep_rooms PkgConfig::CHECK)
    target_include_directories(skep_harness PUBLIC "${PROJECT_SOURCE_DIR}/tests"
        "${PROJECT_SOURCE_DIR}/src")
    target_include_directories(skep_harness SYSTEM PUBLIC "${SKEP_SQLITE_INCLUDE}")
endfunction()

function(skep__add_test name timeout labels)
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${SKEP_TEST_ENVIRONMENT}"
        TIMEOUT ${timeout} LABELS "${labels}")
endfunction()

# skep_test(NAME SOURCES… [TORTURE] [CRASH] [SERIAL] [TIMEOUT seconds] [LIBRARIES …])
# TORTURE: `make torture` runs it in its larger sizes; CRASH: `make crash` too. SERIAL: nothing else
# runs beside it, because it measures time.
function(skep_test name)
    if(SKEP_FUZZ)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 T "TORTURE;CRASH;SERIAL" "TIMEOUT" "LIBRARIES")
    add_executable(test-${name} ${T_UNPARSED_ARGUMENTS})
    target_link_libraries(test-${name} PRIVATE skep_harness ${T_LIBRARIES})
    set(labels all)
    if(T_TORTURE OR T_CRASH)
        list(APPEND labels torture)
    endif()
    if(T_CRASH)
        list(APPEND labels crash)
    endif()
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 100000) # the harness has a limit for each test, by the size of the run
    endif()
    skep__add_test(${name} ${T_TIMEOUT} "${labels}" test-${name})
    if(T_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()

# skep_script_test(NAME SCRIPT [NATIVE] [TIMEOUT seconds]): a script. It finds SKEP_BUILD_DIR,
# SKEP_SOURCE_DIR, SKEP_PROGRAM and SKEP_SQLITE_INCLUDE in its environment. NATIVE: a sanitizer has
# nothing to see in it, so it is left out there.
function(skep_script_test name script)
    cmake_parse_arguments(PARSE_ARGV 2 T "NATIVE" "TIMEOUT" "")
    if(T_NATIVE AND SKEP_SANITIZE)
        return()
    endif()
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 600)
    endif()
    skep__add_test(${name} ${T_TIMEOUT} all "${CMAKE_CURRENT_SOURCE_DIR}/${script}")
endfunction()

# skep_fuzz(NAME SOURCES…): a libFuzzer target. In the fuzz preset it runs under libFuzzer
# (tools/run-fuzz); elsewhere a plain driver replays tests/fuzz/corpus/NAME as a test.
function(skep_fuzz name)
    add_executable(fuzz-${name} ${ARGN})
    target_link_libraries(fuzz-${name} PRIVATE skep_harness)
    if(SKEP_FUZZ)
        target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
        return()
    endif()
    target_sources(fuzz-${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c")
    skep__add_test(fuzz-${name} 300 "all" fuzz-${name}
        "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name}")
endfunction()
