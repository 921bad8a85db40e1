# Servers as processes: started in a session of their own, recorded by id and
# start time, ended by id only. Sourced after common.sh.
# shellcheck shell=bash
#
# A record is one line "PID START": START is field 22 of /proc/PID/stat, so a
# process id that the kernel has given to somebody else is never taken for ours.

# process_start_time PID: clock ticks since boot; fails if it is gone or a zombie.
process_start_time() {
    local stat fields
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # The command's name may hold blanks and brackets: cut after the last one.
    read -ra fields <<<"${stat##*) }"
    [ "${fields[0]}" != Z ] || return 1
    printf '%s' "${fields[19]}"
}

# process_pid RECORD: prints the id if the recorded process still runs.
process_pid() {
    local pid start
    { read -r pid start <"$1"; } 2>/dev/null || return 1
    [ "$(process_start_time "$pid")" = "$start" ] || return 1
    printf '%s' "$pid"
}

process_is_running() {
    process_pid "$1" >/dev/null
}

process_is_gone() {
    ! process_is_running "$1"
}

# process_begin RECORD LOG COMMAND…: starts the command detached from the
# terminal, the script's lock (9) and its input. setsid and setpriv replace
# themselves, so that the id is the server's own.
process_begin() {
    local record=$1 log=$2
    shift 2
    setsid "$@" >>"$log" 2>&1 </dev/null 9>&- &
    local pid=$!
    disown "$pid"
    printf '%s %s\n' "$pid" "$(process_start_time "$pid" || echo 0)" >"$record"
}

# process_signal RECORD SIGNAL: 1 if the process is not there.
process_signal() {
    local pid
    pid=$(process_pid "$1") || return 1
    kill -s "$2" "$pid" 2>/dev/null
}

# process_end RECORD SECONDS SIGNAL…: sends each signal in turn and gives the
# process the time to go; KILL at last.
process_end() {
    local record=$1 seconds=$2 signal
    shift 2
    for signal in "$@" KILL; do
        process_signal "$record" "$signal" || break
        wait_for "$seconds" process_is_gone "$record" && break
        warn "pid $(cut -d' ' -f1 "$record") did not heed SIG$signal within $seconds s"
    done
    process_is_gone "$record" || return 1
    rm -f -- "$record"
}
