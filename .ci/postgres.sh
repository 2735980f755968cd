#!/usr/bin/env bash
# The tests that need a PostgreSQL server, on one of their own (.ci/with_postgres.sh). Exits with 77 where there is none to be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

run_tests() {
    local shown status=0
    shown=$(mktemp)
    cargo test --locked --lib -- postgres --nocapture 2>&1 | tee "$shown" || status=$?
    # A run that found no test, or no server, proves nothing.
    grep -q "SKIPPED: " "$shown" && { echo "a test was skipped though there is a server" >&2; status=1; }
    grep -qE "test result: ok\. [1-9][0-9]* passed" "$shown" || { echo "no test ran" >&2; status=1; }
    rm -f "$shown"
    return $status
}

export -f run_tests
bash .ci/with_postgres.sh bash -euo pipefail -c run_tests
