#!/usr/bin/env bash
# Sends every route of /openapi.json what its description allows and what it does not, and holds the answers against the description:
# no server error, no status, header, media type or body that it does not name (tests/schemathesis/schemathesis.toml).
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(schemathesis==4.32.5)
venv=$PWD/target/ci-schemathesis-venv
work=$PWD/target/ci-schemathesis

source .ci/venv.sh
source .ci/server.sh

# With the first key that a request makes the server asks for one, so that this check has its own.
login=()

ask() {
    curl --silent --show-error --fail --max-time 60 "${login[@]}" "$@"
}

command -v curl >/dev/null || skip "curl is not installed"
make_venv "$venv" idna==3.10
# The jobs that it makes wait: training would only take the time of the answers.
start_server --slots adapter=0,generator=0
if "$attune" key --help >/dev/null 2>&1; then
    login=(-H "authorization: Bearer $("$attune" key create --name schemathesis --scopes admin --data-dir "$work/data")")
fi

# A job that has ended, for the streams of events.
ask -X PUT "$(address)/tasks/schema" -H 'content-type: application/json' -d '{"descriptions": ["Repeat it."]}' >/dev/null
ask -X PUT "$(address)/tasks/schema/examples" -H 'content-type: application/x-ndjson' -d '{"input": "a", "output": "a"}' >/dev/null
job=$(ask "$(address)/jobs/train" -H 'content-type: application/json' -d '{"kind": "adapter", "task": "schema"}' |
    sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p')
ask -X POST "$(address)/jobs/$job/cancel" >/dev/null

config=$PWD/tests/schemathesis/schemathesis.toml
export ATTUNE_TEST_JOB=$job SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$PWD/tests/schemathesis PYTHONDONTWRITEBYTECODE=1
cd "$work" # its cache goes here
"$venv/bin/schemathesis" --config-file "$config" run "${login[@]}" "$(address)/openapi.json" --no-color
