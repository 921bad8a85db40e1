# The reference implementation of JSONata, from npm, in the cache directory.
# Sourced after common.sh.
# shellcheck shell=bash

# reference_exists: whether the machine can run it.
reference_exists() {
    command -v node >/dev/null && command -v npm >/dev/null
}

# reference_package: prints the directory under which the package is installed.
reference_package() {
    local package
    package=$(cache_dir)/jsonata-2.0.6
    if [ ! -d "$package/node_modules/jsonata" ]; then
        mkdir -p "$package"
        npm install --silent --no-audit --no-fund --prefix "$package" jsonata@2.0.6 >&2
    fi
    printf '%s\n' "$package"
}
