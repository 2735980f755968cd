#!/usr/bin/env bash
# operations.sh HOST:PORT KEY: whether every operation of the server's description was asked for since it started, as its metrics tell.
set -euo pipefail

asked() {
    curl -s "$1/metrics" -H "authorization: Bearer $2" |
        sed -n 's/^attune_http_requests_total{method="\([A-Z]*\)",route="\([^"]*\)",.*/\1 \2/p' | sort -u
}
described() {
    curl -s "$1/openapi.json" | jq -r '.paths | to_entries[] | .key as $path | .value | keys[] | ascii_upcase + " " + $path' | sort
}

missing=$(comm -13 <(asked "$@") <(described "$1"))
[[ -z $missing ]] || { printf 'never asked for:\n%s\n' "$missing" >&2; exit 1; }
