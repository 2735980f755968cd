#!/usr/bin/env bash
# Runs the README's five steps as printed, and looks at the syntax of the documentation's other commands.
#
# Exits with 77 where Python or curl is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for tool in python3 curl; do
    command -v "$tool" >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 77; }
done
[[ -x target/debug/attune ]] || { echo "target/debug/attune is missing: cargo build --bin attune" >&2; exit 1; }
work=target/ci-docs
rm -rf "$work"
mkdir -p "$work"
python3 tests/docs/run.py target/debug/attune "$work"
