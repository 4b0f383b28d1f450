# SPDX-License-Identifier: MIT
# SKEP_SQLITE_INCLUDE: where sqlite3.h is (for src/sql, tests and bench only). SKEP_SQLITE_OBJECT:
# SQLite as one object file. It is compiled beside CMake's own rules, because the object is shared
# between presets and working copies through a cache (tools/build-sqlite).

execute_process(COMMAND "${PROJECT_SOURCE_DIR}/tools/fetch-sqlite"
    OUTPUT_VARIABLE SKEP_SQLITE_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE skep_fetch_failed)
if(skep_fetch_failed)
    message(FATAL_ERROR "SQLite is not there: see the message above")
endif()

# Of the sanitizers only AddressSanitizer: SQLite's WAL code has benign races that TSan reports.
# With -O1, because -O3 takes three times as long to compile under it, and finds no more. Fuzz
# targets are after our own parsers and share the plain object, whatever compiler they are built
# with.
set(skep_sqlite_flags "")
set(skep_sqlite_cc "${CMAKE_C_COMPILER}")
if(SKEP_FUZZ)
    find_program(skep_sqlite_default_cc cc REQUIRED)
    set(skep_sqlite_cc "${skep_sqlite_default_cc}")
elseif(SKEP_SANITIZE MATCHES "address")
    set(skep_sqlite_flags -O1 -fsanitize=address -fno-omit-frame-pointer -U_FORTIFY_SOURCE)
endif()

set(SKEP_SQLITE_OBJECT "${PROJECT_BINARY_DIR}/third_party/sqlite3.o")
add_custom_command(OUTPUT "${SKEP_SQLITE_OBJECT}"
    COMMAND "${PROJECT_SOURCE_DIR}/tools/build-sqlite" "${skep_sqlite_cc}"
            "${SKEP_SQLITE_INCLUDE}" "${SKEP_SQLITE_OBJECT}" ${skep_sqlite_flags}
    DEPENDS "${SKEP_SQLITE_INCLUDE}/sqlite3.c" "${PROJECT_SOURCE_DIR}/tools/build-sqlite"
            "${PROJECT_SOURCE_DIR}/third_party/sqlite.flags"
            "${PROJECT_SOURCE_DIR}/third_party/sqlite.sed"
    COMMENT "SQLite" VERBATIM USES_TERMINAL)
add_custom_target(skep_sqlite DEPENDS "${SKEP_SQLITE_OBJECT}")
