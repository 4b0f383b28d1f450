#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone, as C11 and as C++17, without a warning; with GCC, and with
# Clang where it is there. None of them needs a feature macro or names the header of an engine.
set -u
cd "$SKEP_SOURCE_DIR/include" || exit 1
passed=0 failed=0 skipped=0

compiles() { # HEADER COMPILER LANGUAGE STANDARD
    if echo "#include <$1>" | "$2" -x "$3" "-std=$4" -Wall -Wextra -Wpedantic -Wconversion \
        -Wshadow -Wundef -Werror -I. -fsyntax-only -; then
        passed=$((passed + 1))
    else
        echo "FAIL: <$1> does not compile alone as $4 with $2"
        failed=$((failed + 1))
    fi
}

headers=$(find skep -name '*.h' | sort)
for header in $headers; do
    compiles "$header" gcc c c11
    compiles "$header" g++ c++ c++17
    if grep -nE '#include[ ]*[<"](sqlite3|ini|jansson|xxhash|check)' "$header"; then
        echo "FAIL: <$header> includes the header of an engine or a library"
        failed=$((failed + 1))
    fi
done
# A pointer that is no text must not become a number or a boolean.
refuses() { # COMPILER LANGUAGE STANDARD EXPRESSION
    if echo "#include <skep/skep.h>
        skep_value f(void *p, unsigned char *u) { (void)p; (void)u; return $4; }" |
        "$1" -x "$2" "-std=$3" -I. -fsyntax-only - 2>/dev/null; then
        echo "FAIL: $4 compiles as $3 with $1"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}
for expression in 'SKEP_V(p)' 'SKEP_V(u)' 'SKEP_V((int *)0)'; do
    refuses gcc c c11 "$expression"
    refuses g++ c++ c++17 "$expression"
done
if command -v clang >/dev/null && command -v clang++ >/dev/null; then
    for header in $headers; do
        compiles "$header" clang c c11
        compiles "$header" clang++ c++ c++17
    done
else
    echo "skip headers_compile_with_clang: tool (no clang here)"
    skipped=1
fi
echo "harness: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
