#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install skep into a temporary prefix, move that, and use it as an outside program would: in C and
# C++, by pkg-config and by find_package, shared and static; and beside Debian's own SQLite, where
# each side must keep its own. Then look at what the libraries export, need and are hardened with.
set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/skep-install-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0 skipped=0
prefix=$work/moved
outside=$(dirname "$0")/outside

check() { # NAME COMMAND…
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        echo "FAIL: $name"
        sed 's/^/    /' "$work/log"
        failed=$((failed + 1))
    fi
}
runs() { # PROGRAM: on a new folder
    rm -rf "$work/data" && mkdir "$work/data" && "$1" "$work/data/x.db" && [ -f "$work/data/x.db" ]
}
serves() { # PROGRAM
    rm -rf "$work/data" && mkdir "$work/data" && "$1" "$work/data/store" &&
        [ -d "$work/data/store" ]
}
pc() { PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config "$@"; }

# ---- a prefix, moved after the installation
check "cmake --install" cmake --install "$SKEP_BUILD_DIR" --prefix "$work/first"
mv "$work/first" "$prefix"
libdir=$(dirname "$(find "$prefix" -name libskep.a)")

# ---- by pkg-config
# Not with -static: Debian's libcurl.a wants libraries that it has as shared ones only.
by_pkg_config() { # NAME COMPILER SOURCE
    # shellcheck disable=SC2046 # flags are words
    "$2" "$outside/$3" -o "$work/$1" -Wall -Werror $(pc --cflags --libs skep) \
        "-Wl,-rpath,$libdir" && runs "$work/$1" &&
        "$2" "$outside/$3" -o "$work/$1-a" -Wall -Werror $(pc --cflags skep) "$libdir/libskep.a" \
            $(pc --static --libs skep | sed 's/-lskep//') && runs "$work/$1-a"
}
check "pkg-config: C program, shared and libskep.a" by_pkg_config pc-c cc program.c
check "pkg-config: C++ program, shared and libskep.a" by_pkg_config pc-cxx c++ program.cc
example() {
    # shellcheck disable=SC2046 # flags are words
    c++ -std=c++17 -Wall -Wextra -Werror "$SKEP_SOURCE_DIR/examples/rows.cc" -o "$work/rows" \
        $(pc --cflags --libs skep) "-Wl,-rpath,$libdir" &&
        runs "$work/rows" && "$work/rows" "$work/data/y.db" | grep -x '23 unchanged'
}
check "the C++ example of the guide" example
uses_shared() { ldd "$work/pc-c" | grep -q "$libdir/libskep.so.0" &&
    ! ldd "$work/pc-c-a" | grep skep; }
check "the shared program uses the library of the prefix, the static one none" uses_shared
version() { [ "$(pc --modversion skep)" = "$("$prefix/bin/skep" version --json |
    sed 's/.*"skep": *"\([^"]*\)".*/\1/')" ]; }
check "skep.pc and the program agree on the version" version

# ---- the server, a library of its own
by_pkg_config_serve() {
    # shellcheck disable=SC2046 # flags are words
    cc "$outside/serving.c" -o "$work/serving" -Wall -Werror $(pc --cflags --libs skep-serve) \
        "-Wl,-rpath,$libdir" && serves "$work/serving" &&
        cc "$outside/serving.c" -o "$work/serving-a" -Wall -Werror $(pc --cflags skep-serve) \
            "$libdir/libskep-serve.a" "$libdir/libskep.a" -lmicrohttpd -ljansson \
            $(pc --static --libs skep | sed 's/-lskep//') && serves "$work/serving-a" &&
        ! ldd "$work/serving-a" | grep skep
}
check "pkg-config skep-serve: shared and static" by_pkg_config_serve

# ---- by find_package
by_cmake() { # STATIC
    cmake -S "$outside" -B "$work/cmake-$1" -G Ninja "-DCMAKE_PREFIX_PATH=$prefix" "-DSTATIC=$1" &&
        cmake --build "$work/cmake-$1" && runs "$work/cmake-$1/program-c" &&
        runs "$work/cmake-$1/program-cxx" && serves "$work/cmake-$1/serving"
}
check "find_package(skep): shared" by_cmake OFF
check "find_package(skep): static" by_cmake ON

# ---- beside the host's own SQLite
ours=$(sed -n 's/^#define SQLITE_VERSION  *"\(.*\)"/\1/p' "$SKEP_SQLITE_INCLUDE/sqlite3.h")
theirs=$(pkg-config --modversion sqlite3 2>/dev/null)
debian=$(pkg-config --variable=libdir sqlite3 2>/dev/null)
beside() { # LIBRARIES, in this order
    # shellcheck disable=SC2046 # flags are words
    cc "$outside/two.c" -o "$work/two" "-I$prefix/include" "$@" "-Wl,-rpath,$libdir" \
        $(pc --static --libs skep | sed 's/-lskep//') &&
        rm -rf "$work/data" && mkdir "$work/data" && "$work/two" "$work/data" >"$work/who" &&
        cat "$work/who" && [ "$(cat "$work/who")" = "skep $ours $ours host $theirs $theirs" ]
}
if [ -n "$theirs" ] && [ -f "$debian/libsqlite3.a" ] && [ "$ours" != "$theirs" ]; then
    for skep in "$libdir/libskep.a" "$libdir/libskep.so"; do
        for host in "$debian/libsqlite3.a" "$debian/libsqlite3.so"; do
            check "${skep##*/} before ${host##*/}: each keeps its SQLite" beside "$skep" "$host"
            check "${skep##*/} after ${host##*/}: each keeps its SQLite" beside "$host" "$skep"
        done
    done
    preloaded() { rm -rf "$work/data" && mkdir "$work/data" &&
        LD_PRELOAD=$debian/libsqlite3.so "$work/two" "$work/data" | grep "skep $ours $ours"; }
    check "libskep.so keeps its SQLite under LD_PRELOAD of the host's" preloaded
else
    echo "skip beside_the_hosts_sqlite: tool (no libsqlite3-dev of another version)"
    skipped=1
fi

# ---- what the libraries are
exports() { ! nm -D --defined-only "$libdir/$1.so" | awk '{ print $3 }' |
    grep -v '^skep_[a-z]'; }
check "libskep.so exports skep_[a-z]* only" exports libskep
check "libskep-serve.so exports skep_[a-z]* only" exports libskep-serve
globals() { ! nm -g --defined-only "$libdir/$1.a" | awk 'NF == 3 { print $3 }' |
    grep -v '^skep_[a-z]'; }
check "libskep.a has no other global symbol than these" globals libskep
check "libskep-serve.a has none either" globals libskep-serve
same() { nm -D --defined-only "$libdir/libskep.so" | awk '{ print $3 }' | sort >"$work/so" &&
    nm -g --defined-only "$libdir/libskep.a" | awk 'NF == 3 { print $3 }' | sort |
    diff "$work/so" -; }
check "both export the same" same
one() { [ "$(ar t "$libdir/libskep.a" | wc -l)" = 1 ]; }
check "libskep.a is one object" one
allowed='libc\.so\.6|libm\.so\.6|libinih\.so\.1|libsodium\.so\.23|libcrypto\.so\.3'
allowed="$allowed|"'libexpat\.so\.1|libcurl\.so\.4'
needs() { ! readelf -d "$libdir/$1.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vxE "$2|ld-linux-x86-64\.so\.2"; }
check "libskep.so needs libc, libm, inih, libsodium, libcrypto, libexpat and libcurl at most" \
    needs libskep "$allowed"
check "libskep-serve.so needs libskep, libmicrohttpd, jansson and libsodium" needs libskep-serve \
    'libc\.so\.6|libskep\.so\.0|libmicrohttpd\.so\.12|libjansson\.so\.4|libsodium\.so\.23'
soname() { readelf -d "$libdir/libskep.so" | grep -q 'SONAME.*\[libskep.so.0\]'; }
check "the soname is libskep.so.0" soname
hardened() { # FILE
    readelf -lW "$1" | grep -q GNU_RELRO && readelf -dW "$1" | grep -qE 'BIND_NOW|FLAGS.*NOW' &&
        readelf -lW "$1" | grep GNU_STACK | grep -qv RWE && ! readelf -dW "$1" | grep TEXTREL &&
        readelf -hW "$1" | grep -q 'Type: *DYN' &&
        nm -D "$1" | grep -q __stack_chk_fail && nm -D "$1" | grep -q '_chk@'
}
check "libskep.so is hardened: RELRO, now, PIE, stack protector, fortify" \
    hardened "$libdir/libskep.so"
check "so is libskep-serve.so" hardened "$libdir/libskep-serve.so"
check "so is the program" hardened "$prefix/bin/skep"
# Of our own object only: the mark of a program depends on the start files of the system too.
cet() { (cd "$work" && ar x "$libdir/libskep.a" && readelf -nW skep.o | grep 'IBT, SHSTK'); }
[ "$(uname -m)" != x86_64 ] || check "libskep.a is compiled for CET" cet

echo "harness: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
