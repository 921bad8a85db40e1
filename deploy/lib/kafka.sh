# The development broker: one KRaft node from the jars of deploy/dev/kafka/pom.xml.
# Sourced by dev.sh.
# shellcheck shell=bash

KAFKA_START_SECONDS=60
KAFKA_STOP_SECONDS=20
KAFKA_HEAP=${ODRADEK_DEV_KAFKA_HEAP:-256m}

kafka_is_running() {
    process_is_running "$RUN/kafka.pid"
}

kafka_java() {
    if [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; then
        printf '%s' "$JAVA_HOME/bin/java"
    else
        command -v java || die "java is not here; Kafka needs version 17 or newer" "Run deploy/install."
    fi
}

# kafka_home: the directory with the jars, made at first use. It is named by
# the pom's content, so a change there never mixes with what was.
kafka_home() {
    local pom=$ROOT/deploy/dev/kafka/pom.xml sum cache home
    sum=$(sha256sum <"$pom")
    cache=$(cache_dir)
    home=$cache/kafka-${sum:0:12}
    if [ ! -d "$home" ]; then
        (
            flock 8
            [ -d "$home" ] || kafka_fetch "$pom" "$home"
        ) 8>"$cache/kafka.lock"
    fi
    printf '%s' "$home"
}

# kafka_fetch POM HOME: Maven with a repository of its own, since its usual
# one lies in a home directory that may not be there; checksums are enforced.
kafka_fetch() {
    local work began
    have mvn || die "mvn is not here; it fetches Kafka's jars" "Run deploy/install."
    began=$(now_ms)
    say "kafka: fetching the jars (45 MB, once)"
    work=$(mktemp -d "$2.XXXXXX")
    if ! mvn -B -q -C -f "$1" -Dmaven.repo.local="$work/repository" \
        dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$work/home/jars" >"$work/maven.log" 2>&1; then
        tail -n 15 "$work/maven.log" >&2
        rm -rf -- "$work"
        die "Kafka's jars could not be fetched" \
            "Connect to a network (or set up ~/.m2/settings.xml for your mirror) and try again," \
            "or set ODRADEK_KAFKA to the bootstrap servers of an existing Kafka."
    fi
    mv -T -- "$work/home" "$2"
    # After the move: the archive holds the jars' paths.
    kafka_archive "$2" "$work/training"
    rm -rf -- "$work"
    say "kafka: jars in $2 ($(seconds_since "$began") s)"
}

# kafka_classpath HOME: in a fixed order; the class-data archive depends on it.
kafka_classpath() {
    local jars=("$1"/jars/*.jar) IFS=:
    printf '%s' "${jars[*]}"
}

# kafka_archive HOME WORK: runs a broker for a moment and lets the JVM dump the
# classes it loaded; later starts take 2 s instead of 6. Without it all works too.
kafka_archive() {
    local port controller
    say "kafka: making the class-data archive (once)"
    mkdir -p "$2"
    port=$(port_choose)
    controller=$(port_choose "$port")
    kafka_properties "$2/data" "$port" "$controller" >"$2/server.properties"
    # shellcheck disable=SC2030,SC2031
    (
        RUN=$2
        kafka_format "$1" "$2"
        kafka_begin "$1" "$2" -XX:ArchiveClassesAtExit="$2/kafka.jsa"
        wait_for "$KAFKA_START_SECONDS" kafka_is_ready 0 &&
            kafka_run "$1" org.apache.kafka.tools.TopicCommand \
                --bootstrap-server "127.0.0.1:$port" --create --topic training >>"$2/kafka.log" 2>&1
        process_end "$2/kafka.pid" 60 TERM
    ) && mv -- "$2/kafka.jsa" "$1/kafka.jsa" ||
        warn "no class-data archive was made; Kafka will start more slowly"
}

# kafka_properties DATA PORT CONTROLLER-PORT
kafka_properties() {
    sed -e "s|@DATA@|${1//[|&]/\\&}|" -e "s|@PORT@|$2|" -e "s|@CONTROLLER_PORT@|$3|" \
        "$ROOT/deploy/dev/kafka/server.properties.in"
}

# kafka_options HOME: sets KAFKA_OPTIONS, the JVM's.
kafka_options() {
    KAFKA_OPTIONS=(-XX:+UseSerialGC -Xshare:auto -Dlog4j2.formatMsgNoLookups=true
        "-Dlog4j2.configurationFile=$ROOT/deploy/dev/kafka/log4j2.xml"
        -cp "$(kafka_classpath "$1")")
    # A JVM other than the one that made the archive goes without it, in silence.
    [ ! -s "$1/kafka.jsa" ] ||
        KAFKA_OPTIONS=("-XX:SharedArchiveFile=$1/kafka.jsa" '-Xlog:cds=off,cds+dynamic=off' "${KAFKA_OPTIONS[@]}")
}

# kafka_run HOME CLASS ARGUMENTS…: a tool, in the foreground.
kafka_run() {
    local home=$1
    shift
    kafka_options "$home"
    "$(kafka_java)" -Xmx256m -XX:TieredStopAtLevel=1 -Dodradek.log.level=warn "${KAFKA_OPTIONS[@]}" "$@"
}

# kafka_cluster_id: a new one; one that began with a dash would be taken for an option.
kafka_cluster_id() {
    local id
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c1-22)
    printf 'O%s' "${id:1}"
}

# kafka_format HOME DIRECTORY [CLUSTER-ID]: gives an empty data directory its cluster id.
kafka_format() {
    [ ! -e "$2/data/meta.properties" ] || return 0
    mkdir -p -- "$2/data"
    kafka_run "$1" kafka.tools.StorageTool format -t "${3:-$(kafka_cluster_id)}" -c "$2/server.properties" \
        >>"$2/kafka.log" 2>&1 || {
        log_show "$2/kafka.log" 0
        die "Kafka's data directory could not be formatted: $2/data" "Its log: $2/kafka.log"
    }
}

# kafka_begin HOME DIRECTORY JVM-OPTIONS…: starts it; the record is $RUN/kafka.pid.
kafka_begin() {
    local home=$1 directory=$2
    shift 2
    kafka_options "$home"
    # shellcheck disable=SC2086
    process_begin "$RUN/kafka.pid" "$directory/kafka.log" "$(kafka_java)" "-Xmx$KAFKA_HEAP" \
        "$@" ${ODRADEK_DEV_KAFKA_JAVA_OPTIONS:-} "${KAFKA_OPTIONS[@]}" \
        kafka.Kafka "$directory/server.properties"
}

# kafka_is_ready OFFSET: says so itself in what it logged since then; true
# also when it has died, which ends the waiting.
kafka_is_ready() {
    grep -q 'Kafka Server started' < <(tail -c "+$(($1 + 1))" -- "$RUN/kafka.log" 2>/dev/null) ||
        ! kafka_is_running
}

kafka_up() {
    local home offset began
    began=$(now_ms)
    home=$(kafka_home)
    port_require "$KAFKA_PORT" Kafka ODRADEK_DEV_KAFKA_PORT
    port_require "$KAFKA_CONTROLLER_PORT" "Kafka's controller" ODRADEK_DEV_KAFKA_CONTROLLER_PORT
    mkdir -p -- "$RUN/kafka"
    kafka_properties "$RUN/kafka/data" "$KAFKA_PORT" "$KAFKA_CONTROLLER_PORT" >"$RUN/kafka/server.properties"
    offset=$(log_size "$RUN/kafka.log")
    : >>"$RUN/kafka.log"
    ln -sf ../kafka.log "$RUN/kafka/kafka.log"
    kafka_format "$home" "$RUN/kafka"
    kafka_begin "$home" "$RUN/kafka"
    if ! wait_for "$KAFKA_START_SECONDS" kafka_is_ready "$offset"; then
        log_show "$RUN/kafka.log" "$offset"
        die "Kafka was not ready within $KAFKA_START_SECONDS s" "Its log: $RUN/kafka.log. deploy/dev/down stops it."
    fi
    if ! kafka_is_running; then
        log_show "$RUN/kafka.log" "$offset"
        rm -f -- "$RUN/kafka.pid"
        die "Kafka stopped while it started" "Its log: $RUN/kafka.log. deploy/dev/down --wipe begins anew with empty data."
    fi
    say "kafka: ready at $(kafka_own_address) ($(seconds_since "$began") s)"
}

kafka_down() {
    if ! kafka_is_running; then
        rm -f -- "$RUN/kafka.pid"
        say "kafka: was not running"
        return
    fi
    process_end "$RUN/kafka.pid" "$KAFKA_STOP_SECONDS" TERM
    say "kafka: stopped"
}

kafka_kill() {
    process_signal "$RUN/kafka.pid" KILL || die "Kafka is not running" "deploy/dev/status shows what is."
    wait_for 10 process_is_gone "$RUN/kafka.pid"
    say "kafka: killed"
}

kafka_wipe() {
    rm -rf -- "$RUN/kafka" "$RUN"/kafka.log*
}
