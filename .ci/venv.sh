# Sourced by the checks that need packages of PyPI, not run by itself.

skip() {
    echo "SKIPPED: $1"
    exit 77
}

# enough_disk DIRECTORY GIB
enough_disk() {
    local free
    free=$(df --output=avail --block-size=1G "$1" | tail -n 1)
    ((free >= $2)) || skip "$1 has $free GiB free, and the packages of PyPI take $2"
}

# make_venv DIRECTORY PROBE [OPTION...]: a venv with the packages of the array `pins`, kept between runs as long as they are the
# same. PROBE is a small package, by whose download an unreachable index is told from a pin that is wrong. `needs_gib`, where it is
# set, is the disk that the packages take while they are fetched and unpacked.
make_venv() {
    local venv=$1 probe=$2
    # No cache: it would hold every package a second time.
    local stamp=$venv/pins.txt quiet=(--quiet --disable-pip-version-check --no-input --no-cache-dir --retries 2 --timeout 20)
    if [[ -f $stamp && $(<"$stamp") == "${pins[*]}" ]]; then
        return
    fi
    command -v python3 >/dev/null || skip "python3 is not installed"
    rm -rf "$venv"
    enough_disk "$(dirname "$venv")" "${needs_gib:-1}"
    enough_disk "${TMPDIR:-/tmp}" "${needs_gib:-1}"
    python3 -m venv "${@:3}" "$venv" || skip "python3 cannot make a virtual environment (Debian: apt-get install python3-venv)"
    if ! "$venv/bin/python" -m pip install "${quiet[@]}" "${pins[@]}"; then
        "$venv/bin/python" -m pip download "${quiet[@]}" --no-deps --dest "$venv/probe" "$probe" || skip "PyPI is not reachable"
        return 1
    fi
    echo "${pins[*]}" >"$stamp"
}
