# SPDX-License-Identifier: MIT
# skep_flags: how everything of our own is compiled and linked. Third-party sources have their own
# flags (third_party/sqlite.flags).

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C) # or programs would not be linked as such
# Debug means "with assertions", not "unoptimised": warnings that need data flow, and races that
# need speed, then show in the development build too.
set(CMAKE_C_FLAGS_DEBUG "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

add_library(skep_flags INTERFACE)
target_include_directories(skep_flags INTERFACE "${PROJECT_SOURCE_DIR}/include")
target_compile_definitions(skep_flags INTERFACE _GNU_SOURCE
    $<$<BOOL:${SKEP_TEST_BUILD}>:SKEP_TEST_BUILD=1>)
target_link_libraries(skep_flags INTERFACE Threads::Threads)
target_compile_options(skep_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wundef -Wvla -Wcast-qual -Wcast-align
    -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wthread-safety>
    $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wjump-misses-init>
    $<$<BOOL:${SKEP_WERROR}>:-Werror>
    -fvisibility=hidden -fno-common -fstack-protector-strong -fstack-clash-protection
    "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
target_link_options(skep_flags INTERFACE
    -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_compile_options(skep_flags INTERFACE -fcf-protection)
endif()

if(SKEP_SANITIZE)
    # Leaks are AddressSanitizer's on Linux. A sanitizer's finding ends the process, or a test
    # could pass over it.
    target_compile_options(skep_flags INTERFACE "-fsanitize=${SKEP_SANITIZE}"
        -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(skep_flags INTERFACE "-fsanitize=${SKEP_SANITIZE}")
elseif(NOT SKEP_COVERAGE)
    # Not together with sanitizers, which intercept the plain functions, nor without optimisation.
    target_compile_options(skep_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()

if(SKEP_FUZZ)
    target_compile_options(skep_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SKEP_COVERAGE)
    target_compile_options(skep_flags INTERFACE --coverage -O0 -fprofile-update=atomic)
    target_link_options(skep_flags INTERFACE --coverage)
endif()
