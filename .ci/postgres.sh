#!/usr/bin/env bash
# The tests of the store and of the jobs that need a PostgreSQL server. Exits with 77 where there can be none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${ATTUNE_TEST_POSTGRES_URL:-} ]]; then
    exec bash .ci/with_postgres.sh bash .ci/postgres.sh
fi

status=0
shown=$(mktemp)
cargo test --locked --lib -- postgres --nocapture 2>&1 | tee "$shown" || status=$?
# A run that found no test, or no server, proves nothing.
grep -q "SKIPPED: " "$shown" && { echo "a test was skipped though there is a server" >&2; status=1; }
grep -qE "test result: ok\. [1-9][0-9]* passed" "$shown" || { echo "no test ran" >&2; status=1; }
rm -f "$shown"
exit $status
