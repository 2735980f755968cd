#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own: a new cluster in a temporary directory, on a free port, stopped and
# removed at the end. The command finds it in ATTUNE_TEST_POSTGRES_URL; where that is set already, its server is used.
#
#   bash .ci/with_postgres.sh COMMAND...
#
# Installs PostgreSQL with apt-get where it is missing. Exits with 77 where it cannot.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

skip() {
    echo "SKIPPED: $1"
    exit 77
}

# The newest directory that has initdb.
programs() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || echo /nowhere)" 2>/dev/null | sort -V) || true
    for folder in $(tac <<<"$found"); do
        [[ -x $folder/initdb ]] && echo "$folder" && return
    done
    if command -v initdb >/dev/null; then dirname "$(command -v initdb)"; fi
}

(($# > 0)) || { echo "which command?" >&2; exit 2; }
if [[ -n ${ATTUNE_TEST_POSTGRES_URL:-} ]]; then
    "$@"
    exit
fi

bin=$(programs)
if [[ -z $bin ]]; then
    [[ $(id -u) == 0 ]] || skip "PostgreSQL is not installed, and only root can install it"
    command -v apt-get >/dev/null || skip "PostgreSQL is not installed, and there is no apt-get"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends postgresql; } >&2 ||
        skip "apt-get cannot install PostgreSQL"
    bin=$(programs)
    [[ -n $bin ]] || skip "the postgresql package has no initdb"
fi

# A server never runs as root.
as_owner=()
if [[ $(id -u) == 0 ]]; then
    id postgres >/dev/null 2>&1 || skip "there is no user postgres to run the server as"
    as_owner=(runuser -u postgres --)
fi

place=$(mktemp -d)
chmod 700 "$place"
if ((${#as_owner[@]})); then chown postgres "$place"; fi
stop() {
    (cd / && "${as_owner[@]}" "$bin/pg_ctl" -D "$place/data" -m immediate stop >/dev/null 2>&1) || true
    rm -rf "$place" "$place.log"
}
trap stop EXIT

password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
"${as_owner[@]}" bash -c "cat > '$place/password'" <<<"$password"
init() {
    (cd / && "${as_owner[@]}" "$bin/initdb" -D "$place/data" -U attune -A scram-sha-256 --pwfile "$place/password" \
        --encoding UTF8 --no-sync "$@" >"$place.log" 2>&1)
}
# A collation that is not C, where this server has one: what is ordered must not depend on it.
init --locale C.UTF-8 --locale-provider icu --icu-locale en || { rm -rf "$place/data"; init --locale C.UTF-8; } || {
    cat "$place.log" >&2
    exit 1
}

start() {
    (cd / && "${as_owner[@]}" "$bin/pg_ctl" -D "$place/data" -w -t 60 -l "$place/log" start >/dev/null \
        -o "-p $1 -c listen_addresses=127.0.0.1 -c unix_socket_directories='$place' -c fsync=off -c max_connections=200")
}
for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 20000))
    start "$port" && break
    port=
done
[[ -n $port ]] || { cat "$place/log" >&2; exit 1; }

export ATTUNE_TEST_POSTGRES_URL="postgres://attune:$password@127.0.0.1:$port/postgres"
"$bin/postgres" --version
"$@"
