# The parts of the order example, for `run`, `check` and the end-to-end tests.
# shellcheck shell=bash
SHOP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
ROOT=$(cd "$SHOP/../.." && pwd -P)
. "$ROOT/deploy/lib/common.sh"
. "$ROOT/deploy/lib/process.sh"

: "${ODRADEK_KAFKA:?is not set: eval \"\$(deploy/dev/env)\"}"
: "${ODRADEK_POSTGRES:?is not set: eval \"\$(deploy/dev/env)\"}"
: "${SHOP_POSTGRES:?is not set: a database for the ledger of the shop}"
ODRADEK=${ODRADEK:-$ROOT/build/release/src/cli/odradek}
SHOP_WORKER=${SHOP_WORKER:-$(dirname "$ODRADEK")/../../examples/order/shop_worker}
SHOP_RUN=${ODRADEK_RUN_DIR:-$ROOT/.run}/order
export ODRADEK_KAFKA ODRADEK_POSTGRES SHOP_POSTGRES
# What this shell has started, and so will end.
STARTED=()

# Every part that runs, by the name of its record and log in SHOP_RUN.
PARTS_ALL=(odradek stock payments desk)

part_is_running() {
    process_is_running "$SHOP_RUN/$1.pid"
}

# part_begin NAME COMMAND…: unless it runs.
part_begin() {
    local name=$1
    shift
    if part_is_running "$name"; then
        say "$name: runs already"
        return
    fi
    process_begin "$SHOP_RUN/$name.pid" "$SHOP_RUN/$name.log" "$@"
    case " ${STARTED[*]} " in
    *" $name "*) ;;
    *) STARTED+=("$name") ;;
    esac
}

part_kill() {
    process_signal "$SHOP_RUN/$1.pid" KILL
}

# parts_end NAME…: in the given order.
parts_end() {
    local name
    for name in "$@"; do
        if part_is_running "$name"; then
            process_end "$SHOP_RUN/$name.pid" 30 TERM || warn "$name does not end"
        fi
        rm -f -- "$SHOP_RUN/$name.pid"
    done
}

# parts_logs NAME…: the last lines, for somebody who has to find out.
parts_logs() {
    local name
    for name in "$@"; do
        [ -s "$SHOP_RUN/$name.log" ] || continue
        say "--- $SHOP_RUN/$name.log"
        tail -n 15 "$SHOP_RUN/$name.log" >&2
    done
}

shop_sql() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$SHOP_POSTGRES" "$@"
}

odradek_sql() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$ODRADEK_POSTGRES" "$@"
}

# Statuses as in engine.h: 1 is RUNNING.
# outcomes: a line an execution of a definition `order`: workflow id, status, error.
outcomes() {
    odradek_sql -c "COPY (
        SELECT workflow_id,
               (ARRAY['RUNNING','SUCCEEDED','FAILED','TIMED_OUT','ABORTED','TERMINATED'])[status],
               error
        FROM odradek.visibility WHERE namespace = 'default' AND definition = 'order') TO STDOUT"
}

# Databases, topics, definition and binding; everything may be there already.
shop_set_up() {
    PYTHON=$("$ROOT/deploy/python")
    mkdir -p "$SHOP_RUN"
    "$ODRADEK" db migrate >"$SHOP_RUN/migrate.log" 2>&1 || { cat "$SHOP_RUN/migrate.log" >&2; return 1; }
    "$ODRADEK" topics apply --replication "${SHOP_REPLICATION:-1}" >"$SHOP_RUN/topics.log" 2>&1 ||
        { cat "$SHOP_RUN/topics.log" >&2; return 1; }
    "$PYTHON" -B "$SHOP/orders.py" topics
    shop_sql -f "$SHOP/ledger.sql" >/dev/null
    "$ODRADEK" definition publish "$SHOP/order.asl.json" --name order --create-queues >&2
    "$ODRADEK" binding publish "$SHOP/binding.json" >&2
}

# shop_begin_part odradek|stock|payments|desk
shop_begin_part() {
    case $1 in
    odradek) part_begin odradek "$ODRADEK" serve --kafka-instance-id order-odradek ;;
    stock) part_begin stock env SHOP_INSTANCE=shop-stock "$SHOP_WORKER" stock shipping ;;
    payments) part_begin payments env SHOP_INSTANCE=shop-payments SHOP_CONCURRENCY=64 "$SHOP_WORKER" payments ;;
    desk) part_begin desk env SHOP_INSTANCE=shop-desk "$PYTHON" -B "$SHOP/desk.py" ;;
    esac
}

shop_begin() {
    local name
    for name in "${PARTS_ALL[@]}"; do
        shop_begin_part "$name"
    done
}

# shop_mend: what an init system would do: parts that have ended are started again. A broker
# that was killed may have forgotten a member of a group, which then ends by itself.
shop_mend() {
    local name
    for name in "${PARTS_ALL[@]}"; do
        if ! part_is_running "$name"; then
            warn "$name has ended by itself: starting it again"
            shop_begin_part "$name"
        fi
    done
}

# shop_place BATCH COUNT [RATE]: sends the orders of the batch that were not sent yet.
shop_place() {
    shop_sql -c "SELECT order_id FROM placed WHERE batch = '$1'" |
        "$PYTHON" -B "$SHOP/orders.py" send "$@" |
        shop_sql -c 'COPY placed FROM STDIN'
}

# shop_left BATCH: orders that have not ended.
shop_left() {
    local placed closed
    placed=$(shop_sql -c "SELECT count(*) FROM placed WHERE batch = '$1'")
    closed=$(odradek_sql -c "SELECT count(DISTINCT workflow_id) FROM odradek.visibility
        WHERE namespace = 'default' AND definition = 'order' AND status > 1 AND workflow_id LIKE '$1-%'")
    printf '%d' $((placed - closed))
}

# shop_wait BATCH SECONDS [COMMAND]: until all orders of the batch have ended; 1: not in
# time. The command is run now and then.
shop_wait() {
    local left before=-1 until
    until=$(($(now_ms) + $2 * 1000))
    while ${3:-true} && left=$(shop_left "$1") && [ "$left" -gt 0 ]; do
        if [ "$(now_ms)" -ge "$until" ]; then
            warn "$left orders have not ended within $2 s"
            return 1
        fi
        [ "$left" = "$before" ] || say "orders left: $left"
        before=$left
        sleep 1
    done
}
