#!/usr/bin/env bash
# Power cuts and full disks on file systems of the tests' own, which only root can mount. Exits with 77 where that is refused.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

skip() {
    echo "SKIPPED: $1"
    exit 77
}

[[ $(id -u) == 0 ]] || skip "only root can mount a file system"
for program in mkfs.ext4 mount umount; do
    command -v $program >/dev/null || skip "there is no $program"
done
place=$(mktemp -d)
trap 'umount "$place/mounted" 2>/dev/null; rm -rf "$place"' EXIT
mkdir "$place/mounted"
truncate -s 16M "$place/image"
mkfs.ext4 -q "$place/image"
mount -o loop "$place/image" "$place/mounted" 2>"$place/why" || skip "no image can be mounted here: $(<"$place/why")"
umount "$place/mounted"
mount -t tmpfs -o size=1m tmpfs "$place/mounted" 2>"$place/why" || skip "no tmpfs can be mounted here: $(<"$place/why")"

cargo test --locked --test http -- --ignored faults::
