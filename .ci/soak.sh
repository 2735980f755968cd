#!/usr/bin/env bash
# One minute of random clients against the server: nothing may be lost, stuck or held at the end.
set -euo pipefail

command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
python3 tests/soak/soak.py --attune target/debug/attune --minutes 1
