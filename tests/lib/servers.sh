# Private servers for a test run: a run directory of its own under /var/tmp,
# free ports, stopped and removed when the runner ends however it ends.
# Sourced by tests/run after common.sh and process.sh.
# shellcheck shell=bash

SERVERS_DIR=
SERVERS_PREFIX=/var/tmp/odradek-tests

# servers_up: starts them at the first call and exports their addresses.
# ODRADEK_KAFKA and ODRADEK_POSTGRES given from outside are used instead.
servers_up() {
    [ -z "$SERVERS_DIR" ] || return 0
    servers_sweep
    SERVERS_DIR=$(mktemp -d "$SERVERS_PREFIX.XXXXXX")
    chmod 711 "$SERVERS_DIR"
    printf '%s %s\n' "$$" "$(process_start_time $$)" >"$SERVERS_DIR/owner.pid"
    export ODRADEK_RUN_DIR=$SERVERS_DIR/run
    # Quick to warm up: tests are short. Benchmarks want the full compiler.
    export ODRADEK_DEV_KAFKA_JAVA_OPTIONS=${ODRADEK_DEV_KAFKA_JAVA_OPTIONS-$1}
    "$ROOT/deploy/dev/up" --free-ports
    servers_export
}

# Its own statement, so that a failing `env` ends the run.
servers_export() {
    local exports
    exports=$("$ROOT/deploy/dev/env")
    eval "$exports"
}

# servers_mend: between suites, what a fault test left stopped is started again.
servers_mend() {
    [ -n "$SERVERS_DIR" ] || return 0
    "$ROOT/deploy/dev/status" >/dev/null || "$ROOT/deploy/dev/up"
}

# servers_logs DIRECTORY: keeps the logs of a run that failed.
servers_logs() {
    [ -n "$SERVERS_DIR" ] && [ -d "$ODRADEK_RUN_DIR" ] || return 0
    mkdir -p "$1"
    cp -f "$ODRADEK_RUN_DIR"/*.log "$1"/ 2>/dev/null || true
    say "the servers' logs: $1"
}

servers_down() {
    [ -n "$SERVERS_DIR" ] || return 0
    "$ROOT/deploy/dev/down" --wipe 2>&1 | sed 's/^/servers: /' >&2 || true
    rm -rf -- "$SERVERS_DIR"
    SERVERS_DIR=
}

# A runner that was killed could not stop its servers: end those whose owner
# is gone, by the ids they recorded.
servers_sweep() {
    local directory
    for directory in "$SERVERS_PREFIX".*; do
        [ -f "$directory/owner.pid" ] && [ -O "$directory" ] || continue
        process_is_running "$directory/owner.pid" && continue
        say "servers of an earlier run that was killed: stopping $directory"
        servers_sweep_cluster "$directory"
        ODRADEK_RUN_DIR=$directory/run "$ROOT/deploy/dev/down" --wipe
        rm -rf -- "$directory"
    done
}

# servers_sweep_cluster DIRECTORY: the parts of tests/chaos, each with its record and
# one perhaps on a disk of its own.
servers_sweep_cluster() {
    local record
    for record in "$1"/*/*.pid; do
        [ ! -f "$record" ] || process_end "$record" 10 INT
    done
    [ ! -d "$1/shop" ] || ODRADEK_RUN_DIR=$1/shop "$ROOT/deploy/dev/down" --wipe
    ! mountpoint -q "$1/postgres1" || umount "$1/postgres1"
}
