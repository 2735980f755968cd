#!/usr/bin/env bash
# Walks the page in Chromium, as a visitor does: tests/page/walk.mjs. Its pictures stay in target/ci-page/pictures.
#
# Exits with 77 where Node, Chromium or npm's packages are missing and cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=target/ci-page
modules=target/ci-page-modules

source .ci/server.sh

skip() {
    echo "SKIPPED: $1"
    exit 77
}

# browser: its path; fetched from Debian where it is missing and may be.
browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome && return
    [[ $EUID == 0 ]] && command -v apt-get >/dev/null || return 1
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >"$modules/apt.log" 2>&1 || return 1
    command -v chromium
}

command -v npm >/dev/null || skip "Node is not installed (node 20 and npm)"
(($(node -p 'process.versions.node.split(".")[0]') >= 20)) || skip "Node is older than 20"
mkdir -p "$modules"
CHROMIUM=$(browser) || skip "there is no Chromium, and Debian's cannot be installed here"
cp tests/page/package.json tests/page/package-lock.json "$modules/"
if ! cmp -s "$modules/package-lock.json" "$modules/installed.json"; then
    npm ci --prefix "$modules" --ignore-scripts --no-audit --no-fund >"$modules/npm.log" 2>&1 ||
        skip "npm's registry is not reachable: $(tail -n 1 "$modules/npm.log")"
    cp "$modules/package-lock.json" "$modules/installed.json"
fi

start_server
CHROMIUM=$CHROMIUM PAGE_MODULES=$PWD/$modules node tests/page/walk.mjs "$(address)/" "$work/pictures"
