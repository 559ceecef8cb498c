#!/bin/sh
# The tests behind PgBouncer: the one that is installed, if any, and that of Debian 13 (1.24).
#
#   PGBOUNCER   one of yours instead of both
#
# On an older Debian it is unpacked with its libraries into a folder that is gone at the end.
set -eu

check() {
    "$1" --version | head -n 1
    PGBOUNCER=$1 .venv/bin/python -m pytest -n 0 tests/database/pgbouncer_check.py
}

if [ -z "${PGBOUNCER:-}" ]; then
    installed=$(PATH=$PATH:/usr/sbin command -v pgbouncer || true)
    [ -z "$installed" ] || check "$installed"
    command -v apt-get >/dev/null || { echo "this is no Debian: set PGBOUNCER to a current one"; exit 1; }
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$folder/root"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$folder/sources"
    # apt's own lists and the packages of this machine are neither read nor changed.
    apt() {
        apt-get -qq -o Acquire::Retries=5 -o Dir::State="$folder" -o Dir::State::status=/dev/null -o Dir::Cache="$folder" \
            -o Dir::Etc::sourcelist="$folder/sources" -o Dir::Etc::sourceparts=- \
            -o APT::Sandbox::User=root "$@"
    }
    apt update
    (cd "$folder/archives" && apt download pgbouncer libc6 libcares2 libevent-2.1-7t64 libpam0g \
        libssl3t64 libsystemd0 libaudit1 libcap-ng0 libcap2 libzstd1 zlib1g)
    for package in "$folder"/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
    libraries=$(dirname "$(find "$folder/root" -name 'libc.so.6')")
    loader=$(find "$folder/root" -name 'ld-linux*.so.*' | head -n 1)
    PGBOUNCER=$folder/pgbouncer
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
        "$loader" "$libraries" "$folder/root/usr/sbin/pgbouncer" >"$PGBOUNCER"
    chmod -R a+rX "$folder"
    chmod +x "$PGBOUNCER"
fi
check "$PGBOUNCER"
