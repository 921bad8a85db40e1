# Installing Debian packages. Sourced after common.sh.
# shellcheck shell=bash

as_root() {
    if is_root; then "$@"; else sudo "$@"; fi
}

apt_quiet() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >&2
}

# apt_missing NAME…: those of the packages that dpkg does not have installed.
apt_missing() {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        awk 'BEGIN { for (i = 1; i < ARGC; i++) want[ARGV[i]] = i; ARGC = 1 }
             $1 == "installed" { delete want[$2] }
             END { for (p in want) print want[p], p }' "$@" |
        sort -n | cut -d' ' -f2
}

# The package would otherwise start a cluster on port 5432 that nobody asked for.
apt_prepare_postgresql() {
    local conf=/etc/postgresql-common/createcluster.conf
    apt_quiet install --no-install-recommends postgresql-common
    as_root sed -i 's/^#\? *create_main_cluster.*/create_main_cluster = false/' "$conf"
}

apt_install() {
    have apt-get || die "apt-get is not here: these scripts install packages on Debian 12" \
        "Install by hand what corresponds to: $*"
    is_root || have sudo || die "root is needed to install packages, and there is no sudo" \
        "Have root run: apt-get install --no-install-recommends $*"
    apt_quiet update
    case " $* " in
    *' postgresql '*) apt_prepare_postgresql ;;
    esac
    apt_quiet install --no-install-recommends "$@"
}
