#!/usr/bin/env bash
# Servers and workers over one PostgreSQL, one of them killed every few seconds: every job must be done once, every event told once.
#
# Exits with 77 where there is no PostgreSQL to be had, or no Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
bash .ci/with_postgres.sh python3 tests/chaos/chaos.py --attune target/debug/attune --jobs 12 --seconds 20
