# TCP ports of this machine, read from /proc: no tool has to be installed.
# Sourced after common.sh.
# shellcheck shell=bash

# port_inode PORT: the inode of the socket that listens there; fails if none.
port_inode() {
    local hex tables=(/proc/net/tcp)
    [ ! -r /proc/net/tcp6 ] || tables+=(/proc/net/tcp6)
    printf -v hex ':%04X' "$1"
    awk -v port="$hex" '
        $4 == "0A" && substr($2, length($2) - 4) == port { print $10; found = 1; exit }
        END { exit !found }' "${tables[@]}"
}

port_is_free() {
    ! port_inode "$1" >/dev/null
}

port_is_taken() {
    port_inode "$1" >/dev/null
}

# port_holder PORT: "pid 123 (command line)", as far as this user may see.
port_holder() {
    local inode fd pid
    inode=$(port_inode "$1") || return 1
    fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
    if [ -z "$fd" ]; then
        printf 'a process of another user'
        return
    fi
    pid=${fd#/proc/}
    pid=${pid%%/*}
    printf 'pid %s (%s)' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-100)"
}

# port_choose TAKEN…: a free port below the kernel's range for outgoing
# connections, and none of those given.
# shellcheck disable=SC2120
port_choose() {
    local port tries
    for tries in {1..200}; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        case " $* " in
        *" $port "*) continue ;;
        esac
        if port_is_free "$port"; then
            printf '%s' "$port"
            return
        fi
    done
    die "no free port found between 20000 and 31999 in $tries tries"
}

# port_require PORT WHAT VARIABLE: dies when somebody else listens there.
port_require() {
    port_is_free "$1" && return
    die "port $1, wanted for $2, is taken by $(port_holder "$1")" \
        "Stop that process, or choose another port: $3=$(port_choose) deploy/dev/up" \
        "(deploy/dev/up --free-ports chooses free ones for everything.)"
}
