#!/usr/bin/env bash
# The tests of the HTTP interface, faults among them, with the records in PostgreSQL and the artifacts on S3: a schema and a part of
# the bucket for each test. Exits with 77 where there can be no server of either.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash .ci/with_postgres.sh bash .ci/with_s3.sh cargo test --locked --test http "$@"
