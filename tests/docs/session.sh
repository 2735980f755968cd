#!/usr/bin/env bash
# session.sh PLACE: the shell in which a document's blocks are run, in the directory PLACE. session.py says how it is spoken to.
#
# A server or a worker that a block starts runs on beside the following ones, as if it had a terminal of its own; the next server
# takes the place of the one before. `cargo run --release --` is the program that was built.
set -euo pipefail
place=$1
docs=$(dirname "$(realpath "${BASH_SOURCE[0]}")") # for what stands in comments
server=

# beside LINE ARGUMENT...: starts attune, and goes on when it has printed LINE.
beside() {
    local log=$place/blocks/attune-$RANDOM
    command attune "${@:2}" >"$log" 2>&1 </dev/null &
    for _ in $(seq 600); do
        if grep -q "$1" "$log"; then return; fi
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    cat "$log" >&2
    return 1
}

stop_server() {
    if [[ -n $server ]]; then
        kill "$server"
        wait "$server" || true
    fi
    server=
}

attune() {
    case ${1:-} in
        serve) stop_server && beside " is ready on " "$@" && server=$! ;;
        worker) beside " works jobs off as " "$@" ;;
        *) command attune "$@" ;;
    esac
}

cargo() {
    [[ "$1 $2 $3" == "run --release --" ]] || { echo "cargo $* is not run here" >&2; return 1; }
    attune "${@:4}"
}

# A refusal ends a block, but where the document shows one; `refusals` is set before each block.
curl() {
    local strict=(--fail-with-body --show-error)
    [[ -z $refusals ]] || strict=()
    command curl "${strict[@]}" --max-time 600 "$@"
}

# What createdb and psql are to know.
if [[ ${ATTUNE_TEST_POSTGRES_URL:-} =~ ^postgres://(.*):(.*)@(.*):([0-9]+)/ ]]; then
    export PGUSER=${BASH_REMATCH[1]} PGPASSWORD=${BASH_REMATCH[2]} PGHOST=${BASH_REMATCH[3]} PGPORT=${BASH_REMATCH[4]}
fi

trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
cd "$place"
echo "ready ${ATTUNE_TEST_POSTGRES_URL:--} ${ATTUNE_TEST_ARTIFACTS:--}"
while read -r block; do
    source "$block" >"$block.out" 2>"$block.err" </dev/null
    echo done
done
