#!/usr/bin/env bash
# with_s3.sh COMMAND...: runs the command with moto's S3, an account for it in AWS_…, its endpoint in ATTUNE_TEST_S3 and a bucket of it
# in ATTUNE_TEST_ARTIFACTS. The server ends with the command.
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($#)) || { echo "with_s3.sh COMMAND..." >&2; exit 2; }
source .ci/s3_venv.sh
"$venv/bin/python" .ci/s3_server.py "$@"
