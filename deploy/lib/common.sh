# Shared by all scripts: messages, places, small tools. Sourced, never run.
# The caller has set ROOT to the repository and `set -euo pipefail`.
# shellcheck shell=bash

say() {
    printf '%s\n' "$*" >&2
}

warn() {
    printf 'warning: %s\n' "$*" >&2
}

# die MESSAGE [WHAT-TO-DO…]: the first line says what is wrong, the others
# what a person can do.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    while [ $# -gt 0 ]; do
        printf '       %s\n' "$1" >&2
        shift
    done
    exit 1
}

# Prints the comment block at the head of the running script.
usage() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

is_root() {
    [ "$(id -u)" = 0 ]
}

# Milliseconds of a clock that EPOCHREALTIME gives without a fork.
now_ms() {
    local t=${EPOCHREALTIME/[.,]/}
    printf '%s' "${t%???}"
}

# seconds_since MS: "12.3"
seconds_since() {
    local d=$(($(now_ms) - $1))
    printf '%d.%d' $((d / 1000)) $((d % 1000 / 100))
}

# wait_for SECONDS COMMAND…: polls until the command succeeds; 1 at the end.
wait_for() {
    local until=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(now_ms)" -lt "$until" ] || return 1
        sleep 0.05
    done
}

# The first of the given directories that can be made and written.
first_writable() {
    local d
    for d in "$@"; do
        if mkdir -p -- "$d" 2>/dev/null && [ -w "$d" ]; then
            printf '%s' "$d"
            return 0
        fi
    done
    return 1
}

# Where downloads and built third-party parts are kept, outside any checkout.
cache_dir() {
    local places=()
    [ -z "${ODRADEK_CACHE_DIR:-}" ] || places+=("$ODRADEK_CACHE_DIR")
    [ -z "${XDG_CACHE_HOME:-}" ] || places+=("$XDG_CACHE_HOME/odradek")
    [ -z "${HOME:-}" ] || [ ! -d "$HOME" ] || places+=("$HOME/.cache/odradek")
    places+=("/var/tmp/odradek-$(id -u)")
    first_writable "${places[@]}" ||
        die "no directory for the cache can be written: ${places[*]}" \
            "Set ODRADEK_CACHE_DIR to a directory that you may write."
}

# Makes tools that keep files under HOME work where HOME is unset or closed.
settle_home() {
    if [ -z "${HOME:-}" ] || [ ! -w "${HOME:-/nonexistent}" ]; then
        # Fixed before HOME changes, or the cache would move into it.
        ODRADEK_CACHE_DIR=$(cache_dir)
        HOME=$ODRADEK_CACHE_DIR/home
        mkdir -p "$HOME"
        export HOME ODRADEK_CACHE_DIR
    fi
}

# quoted STRING: for a shell to read back.
quoted() {
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

# conninfo_quoted STRING: for a libpq connection string.
conninfo_quoted() {
    local s=${1//\\/\\\\}
    printf "'%s'" "${s//\'/\\\'}"
}
