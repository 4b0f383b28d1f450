# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the scripts of this folder share. DIR is the directory of the service; each of its servers
# has a file NAME.pid with its process id and the kernel's start time of it, so that a process that
# took the number later is never touched.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    say "$*"
    exit 1
}

started() { # PID: its start time in ticks; fails if there is no such process, or a dead one
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086 # fields; the name before them may hold blanks
    set -- ${stat##*) }
    [ "$1" != Z ] && echo "${20}"
}

alive() { # NAME
    local pid time
    [ -s "$DIR/$1.pid" ] && read -r pid time <"$DIR/$1.pid" && [ "$(started "$pid")" = "$time" ]
}

spawn() { # NAME COMMAND…: in a session of its own, with nothing of ours open
    local name=$1 pid
    shift
    setsid nohup "$@" >"$DIR/$name.out" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid $(started $pid)" >"$DIR/$name.pid"
    disown $pid
}

end() { # NAME SIGNAL: and wait until it is gone, for 30 s; then kill it
    local pid time tries=0
    alive "$1" || {
        rm -f "$DIR/$1.pid"
        return 0
    }
    read -r pid time <"$DIR/$1.pid"
    kill -s "$2" "$pid" 2>/dev/null || :
    while alive "$1"; do
        tries=$((tries + 1))
        [ $tries -ne 600 ] || kill -s KILL "$pid" 2>/dev/null || :
        [ $tries -lt 700 ] || die "$1 (process $pid) does not end"
        sleep 0.05
    done
    rm -f "$DIR/$1.pid"
}

last_words() { # NAME
    tail -n 5 "$DIR/$1.out" "$DIR/$1.log" 2>/dev/null | sed "s/^/    /" >&2
}

wait_until() { # NAME COMMAND…: succeeds; not if the server dies or takes too long
    local name=$1 give_up=$((SECONDS + ${SKEP_SERVICE_TIMEOUT:-60}))
    shift
    until "$@" >/dev/null 2>&1; do
        if ! alive "$name" || [ $SECONDS -ge $give_up ]; then
            say "$name does not get ready"
            last_words "$name"
            return 1
        fi
        sleep 0.05
    done
}

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # below those that outgoing connections get
    local port
    for _ in {1..200}; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        taken $port || {
            echo $port
            return
        }
    done
    die "no free port on 127.0.0.1"
}

need() { # COMMAND:PACKAGE…: install the packages of which a command is missing
    local want packages=
    for want; do
        command -v "${want%%:*}" >/dev/null 2>&1 || packages="$packages ${want#*:}"
    done
    [ -n "$packages" ] || return 0
    [ "$(id -u)" = 0 ] ||
        die "these packages are missing; as root: apt-get install --no-install-recommends$packages"
    say "installing$packages"
    # shellcheck disable=SC2086 # names
    { apt_get install $packages || { apt_get update && apt_get install $packages; }; } >&2 ||
        die "apt-get could not install$packages"
}
apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=600 "$@"
}
