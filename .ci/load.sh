#!/usr/bin/env bash
# Twenty seconds of four times the load that the server sustains, clients that do not read, and SIGTERM in the middle.
set -euo pipefail

command -v python3 >/dev/null || { echo "SKIPPED: there is no python3"; exit 77; }
PYTHONDONTWRITEBYTECODE=1 python3 tests/load/load.py --attune target/debug/attune --minutes 0.33 --seconds 5 --queue 16
