#!/bin/bash
# alive.sh PORT PATH: whether this container's server answers with 200. The image has no HTTP client; bash is enough of one.
set -euo pipefail

exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n' "$2" >&3
read -r -t 4 _ status _ <&3
[[ $status == 200 ]]
