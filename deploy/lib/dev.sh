# The run directory, the ports and the parts of the development servers.
# Sourced by the scripts of deploy/dev after ROOT is set.
# shellcheck shell=bash
. "$ROOT/deploy/lib/common.sh"
. "$ROOT/deploy/lib/process.sh"
. "$ROOT/deploy/lib/ports.sh"
. "$ROOT/deploy/lib/kafka.sh"
. "$ROOT/deploy/lib/postgres.sh"

# Marks a directory as ours: nothing without it is ever wiped.
RUN_MARK=odradek-run-directory

DEFAULT_KAFKA_PORT=29092
DEFAULT_KAFKA_CONTROLLER_PORT=29093
DEFAULT_POSTGRES_PORT=25432

# run_dir_settle: sets RUN; the directory need not exist.
run_dir_settle() {
    RUN=$(realpath -m -- "${ODRADEK_RUN_DIR:-$ROOT/.run}")
    case $RUN in
    *[,:\\]* | *$'\n'*)
        die "the run directory's path has a comma, colon, backslash or line feed: $RUN" \
            "Kafka's configuration cannot hold those: set ODRADEK_RUN_DIR to another path."
        ;;
    esac
    ports_load
}

# run_dir_make: creates it and takes its lock, so that two runs of `up` or
# `down` wait for each other.
run_dir_make() {
    mkdir -p -- "$RUN" 2>/dev/null || die "the run directory cannot be made: $RUN" \
        "Set ODRADEK_RUN_DIR to a directory that you may write."
    if [ ! -e "$RUN/$RUN_MARK" ]; then
        [ -z "$(ls -A -- "$RUN")" ] || die "$RUN is not empty and not a run directory of Odradek" \
            "Set ODRADEK_RUN_DIR to a new or empty directory."
        # Everything inside is private, but a server run for root by another
        # user must be able to pass through.
        chmod 711 -- "$RUN"
        : >"$RUN/$RUN_MARK"
    fi
    run_dir_lock
}

run_dir_lock() {
    exec 9>"$RUN/lock"
    flock -w 120 9 || die "another deploy/dev script has held $RUN/lock for 120 s"
}

run_dir_exists() {
    [ -e "$RUN/$RUN_MARK" ]
}

# Ports: the environment's, else those that this run directory had before,
# else the defaults. They are kept in $RUN/ports.
ports_load() {
    local stored_kafka='' stored_controller='' stored_postgres=''
    if [ -r "$RUN/ports" ]; then
        read -r stored_kafka stored_controller stored_postgres <"$RUN/ports"
    fi
    # A part that runs keeps its port until it is started again.
    kafka_is_running || stored_kafka=${ODRADEK_DEV_KAFKA_PORT:-$stored_kafka}
    kafka_is_running || stored_controller=${ODRADEK_DEV_KAFKA_CONTROLLER_PORT:-$stored_controller}
    postgres_is_running || stored_postgres=${ODRADEK_DEV_POSTGRES_PORT:-$stored_postgres}
    KAFKA_PORT=${stored_kafka:-$DEFAULT_KAFKA_PORT}
    KAFKA_CONTROLLER_PORT=${stored_controller:-$DEFAULT_KAFKA_CONTROLLER_PORT}
    POSTGRES_PORT=${stored_postgres:-$DEFAULT_POSTGRES_PORT}
}

ports_store() {
    printf '%s %s %s\n' "$KAFKA_PORT" "$KAFKA_CONTROLLER_PORT" "$POSTGRES_PORT" >"$RUN/ports"
}

# ports_choose_free: those of parts that do not run, where this directory has
# none yet or somebody else has taken them.
ports_choose_free() {
    local known=false
    [ ! -e "$RUN/ports" ] || known=true
    if ! kafka_is_running; then
        $known && port_is_free "$KAFKA_PORT" || KAFKA_PORT=$(port_choose "$POSTGRES_PORT")
        $known && port_is_free "$KAFKA_CONTROLLER_PORT" ||
            KAFKA_CONTROLLER_PORT=$(port_choose "$KAFKA_PORT" "$POSTGRES_PORT")
    fi
    if ! postgres_is_running; then
        $known && port_is_free "$POSTGRES_PORT" ||
            POSTGRES_PORT=$(port_choose "$KAFKA_PORT" "$KAFKA_CONTROLLER_PORT")
    fi
}

# The addresses that programs use. ODRADEK_KAFKA and ODRADEK_POSTGRES point to
# existing servers, unless they hold our own address (`eval "$(deploy/dev/env)"`).
kafka_own_address() {
    printf '127.0.0.1:%s' "$KAFKA_PORT"
}

kafka_is_external() {
    [ -n "${ODRADEK_KAFKA:-}" ] && [ "$ODRADEK_KAFKA" != "$(kafka_own_address)" ]
}

postgres_is_external() {
    [ -n "${ODRADEK_POSTGRES:-}" ] && [ "$ODRADEK_POSTGRES" != "$(postgres_own_address odradek)" ]
}

kafka_address() {
    if kafka_is_external; then printf '%s' "$ODRADEK_KAFKA"; else kafka_own_address; fi
}

postgres_address() {
    if postgres_is_external; then printf '%s' "$ODRADEK_POSTGRES"; else postgres_own_address odradek; fi
}

# Of a foreign server the shop's database must be named too.
shop_address() {
    if postgres_is_external; then printf '%s' "${SHOP_POSTGRES:-}"; else postgres_own_address shop; fi
}

# parts_parse ARGUMENTS…: sets PARTS from kafka, postgres, --kafka-only,
# --postgres-only; all when none is named.
# shellcheck disable=SC2034
parts_parse() {
    PARTS=()
    local part
    for part in "$@"; do
        case $part in
        kafka | --kafka-only) PARTS+=(kafka) ;;
        postgres | --postgres-only) PARTS+=(postgres) ;;
        *) usage; exit 2 ;;
        esac
    done
    [ "${#PARTS[@]}" -gt 0 ] || PARTS=(postgres kafka)
}

# log_show LOG OFFSET: the end of what a server wrote since it was started.
log_show() {
    tail -c "+$(($2 + 1))" -- "$1" | tail -n 15 | sed 's/^/    | /' >&2
}

# log_size LOG: bytes; first moves a log that has grown large out of the way.
LOG_BYTES_MAX=50000000
log_size() {
    local size
    size=$(stat -c %s -- "$1" 2>/dev/null || echo 0)
    if [ "$size" -gt "$LOG_BYTES_MAX" ]; then
        mv -f -- "$1" "$1.1"
        size=0
    fi
    printf '%s' "$size"
}
