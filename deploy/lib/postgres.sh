# The development database: a PostgreSQL cluster of its own. Sourced by dev.sh.
# shellcheck shell=bash
#
# PostgreSQL refuses to run as root. For root it runs as the user `postgres`
# (ODRADEK_DEV_POSTGRES_USER), and where that user cannot reach the run
# directory (a checkout under a closed home), its files lie in /var/tmp with a
# link from the run directory.

POSTGRES_START_SECONDS=30
POSTGRES_STOP_SECONDS=30
POSTGRES_USER=${ODRADEK_DEV_POSTGRES_USER:-postgres}

postgres_is_running() {
    process_is_running "$RUN/postgres.pid"
}

# The newest server on this machine; distributions keep it out of PATH.
postgres_bin() {
    local bin
    if [ -n "${ODRADEK_DEV_POSTGRES_BIN:-}" ]; then
        printf '%s' "$ODRADEK_DEV_POSTGRES_BIN"
        return
    fi
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    [ -x "$bin" ] || bin=$(command -v initdb) ||
        die "PostgreSQL's server is not here" "Run deploy/install, or set ODRADEK_POSTGRES to an existing server."
    dirname "$(readlink -f "$bin")"
}

# postgres_prefix: sets POSTGRES_AS, the words before a command that must not
# run as root. setpriv replaces itself, so the process id stays the server's.
postgres_prefix() {
    POSTGRES_AS=()
    is_root || return 0
    id -u "$POSTGRES_USER" >/dev/null 2>&1 ||
        die "there is no user $POSTGRES_USER to run PostgreSQL as (it refuses to run as root)" \
            "Run deploy/install, or name another one: ODRADEK_DEV_POSTGRES_USER=…"
    POSTGRES_AS=(setpriv "--reuid=$POSTGRES_USER" "--regid=$(id -g "$POSTGRES_USER")" --init-groups --
        env "HOME=/")
}

# Long-lived place of the cluster of this run directory.
postgres_place_elsewhere() {
    local sum
    sum=$(printf '%s' "$RUN" | sha256sum)
    printf '/var/tmp/odradek-postgres-%s' "${sum:0:16}"
}

# postgres_place: makes $RUN/postgres, owned by the server's user.
postgres_place() {
    [ ! -d "$RUN/postgres/." ] || return 0
    local place=$RUN/postgres
    rm -f -- "$place"
    if is_root && ! "${POSTGRES_AS[@]}" test -x "$RUN"; then
        place=$(postgres_place_elsewhere)
        ln -s -- "$place" "$RUN/postgres"
        say "postgres: the user $POSTGRES_USER cannot reach $RUN; its files are in $place"
    fi
    mkdir -- "$place" || die "$place cannot be made" "Remove it if no server runs in it, and try again."
    chmod 700 -- "$place"
    ! is_root || chown "$POSTGRES_USER:" -- "$place"
}

postgres_directory() {
    readlink -f -- "$RUN/postgres"
}

# postgres_own_address ROLE: as a libpq connection string; role and database
# have one name.
postgres_own_address() {
    printf 'host=127.0.0.1 port=%s dbname=%s user=%s' "$POSTGRES_PORT" "$1" "$1"
    [ ! -e "$RUN/pgpass" ] || printf ' passfile=%s' "$(conninfo_quoted "$RUN/pgpass")"
}

# By TCP nobody gets in as the superuser; the socket is in a directory that
# only the server's user (and root) can enter.
postgres_hba() {
    printf 'local all all trust\n'
    printf 'host all %s all reject\n' "$POSTGRES_SUPERUSER"
    printf 'host all all 127.0.0.1/32 %s\n' "$1"
}

POSTGRES_SUPERUSER=postgres

# postgres_sql AUTH: what a new cluster holds. One statement a line: the
# single-user server reads it.
postgres_sql() {
    local password=''
    if [ "$1" != trust ]; then
        password=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
        (umask 077 && printf '127.0.0.1:*:*:odradek:%s\n127.0.0.1:*:*:shop:%s\n' \
            "$password" "$password" >"$RUN/pgpass")
        password=" PASSWORD '$password'"
    fi
    cat <<SQL
CREATE ROLE odradek LOGIN CREATEDB CREATEROLE$password;
CREATE ROLE shop LOGIN CREATEDB$password;
GRANT pg_signal_backend, pg_monitor TO odradek;
CREATE DATABASE odradek OWNER odradek;
CREATE DATABASE shop OWNER shop;
SQL
}

# postgres_create BIN: initdb beside the final place and a rename, so that an
# interrupted one leaves nothing that looks whole.
postgres_create() {
    local place auth=${ODRADEK_DEV_POSTGRES_AUTH:-trust} sql
    place=$(postgres_directory)
    [ ! -d "$place/data" ] || return 0
    case $auth in
    trust | scram-sha-256) ;;
    *) die "ODRADEK_DEV_POSTGRES_AUTH=$auth: allowed are trust and scram-sha-256" ;;
    esac
    rm -rf -- "$place/new" "$RUN/pgpass"
    (
        cd /
        umask 077
        "${POSTGRES_AS[@]}" "$1/initdb" -D "$place/new" -U "$POSTGRES_SUPERUSER" --encoding=UTF8 \
            --locale=C.UTF-8 --auth=trust --no-instructions &&
            postgres_hba "$auth" >"$place/new/pg_hba.conf" &&
            sql=$(postgres_sql "$auth") &&
            "${POSTGRES_AS[@]}" "$1/postgres" --single -D "$place/new" -c log_min_messages=warning \
                -c password_encryption=scram-sha-256 postgres <<<"$sql"
    ) >>"$RUN/postgres.log" 2>&1 || {
        log_show "$RUN/postgres.log" 0
        die "the PostgreSQL cluster could not be created in $place" "The log: $RUN/postgres.log"
    }
    mv -T -- "$place/new" "$place/data"
}

# postgres_begin BIN: a unix socket where its path is short enough for the
# kernel (107 bytes), and loopback TCP.
postgres_begin() {
    local place socket
    place=$(postgres_directory)
    socket=$place/socket
    if [ "${#socket}" -gt 85 ]; then
        socket=
    else
        "${POSTGRES_AS[@]}" mkdir -p -- "$socket"
    fi
    # The server wants a working directory that it may enter.
    (
        cd /
        process_begin "$RUN/postgres.pid" "$RUN/postgres.log" "${POSTGRES_AS[@]}" "$1/postgres" \
            -D "$place/data" -c listen_addresses=127.0.0.1 -c "port=$POSTGRES_PORT" \
            -c "unix_socket_directories=${socket:+\"$socket\"}" -c fsync=on -c max_connections=200 \
            -c shared_buffers=256MB -c min_wal_size=512MB -c max_wal_size=2GB \
            -c timezone=UTC -c log_timezone=UTC -c 'log_line_prefix=%m [%p] %q%u@%d '
    )
}

# True also when it has died, which ends the waiting.
postgres_is_ready() {
    "$1/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT" -t 1 || ! postgres_is_running
}

postgres_up() {
    local bin began offset tries
    began=$(now_ms)
    bin=$(postgres_bin)
    postgres_prefix
    port_require "$POSTGRES_PORT" PostgreSQL ODRADEK_DEV_POSTGRES_PORT
    postgres_place
    offset=$(log_size "$RUN/postgres.log")
    postgres_create "$bin"
    # After a kill -9 the old server's children need a moment to notice, and
    # its own process to be reaped; until then a new one refuses to start.
    for tries in {1..20}; do
        postgres_begin "$bin"
        if ! wait_for "$POSTGRES_START_SECONDS" postgres_is_ready "$bin"; then
            log_show "$RUN/postgres.log" "$offset"
            die "PostgreSQL was not ready within $POSTGRES_START_SECONDS s" \
                "Its log: $RUN/postgres.log. deploy/dev/down stops it."
        fi
        if postgres_is_running; then
            say "postgres: ready at 127.0.0.1:$POSTGRES_PORT ($(seconds_since "$began") s)"
            return
        fi
        grep -q -e 'still in use' -e 'Is another postmaster' < <(tail -n 5 -- "$RUN/postgres.log") || break
        sleep 0.5
    done
    log_show "$RUN/postgres.log" "$offset"
    rm -f -- "$RUN/postgres.pid"
    die "PostgreSQL stopped while it started (try $tries)" "Its log: $RUN/postgres.log"
}

postgres_down() {
    if ! postgres_is_running; then
        rm -f -- "$RUN/postgres.pid"
        say "postgres: was not running"
        return
    fi
    # INT: open sessions are ended; QUIT: at once, with recovery at the next start.
    process_end "$RUN/postgres.pid" "$POSTGRES_STOP_SECONDS" INT QUIT
    say "postgres: stopped"
}

postgres_kill() {
    process_signal "$RUN/postgres.pid" KILL || die "PostgreSQL is not running" "deploy/dev/status shows what is."
    wait_for 10 process_is_gone "$RUN/postgres.pid"
    say "postgres: killed"
}

postgres_wipe() {
    local elsewhere
    elsewhere=$(postgres_place_elsewhere)
    if [ "$(readlink -- "$RUN/postgres")" = "$elsewhere" ]; then
        rm -rf -- "$elsewhere"
    fi
    rm -rf -- "$RUN/postgres" "$RUN"/postgres.log* "$RUN/pgpass"
}
