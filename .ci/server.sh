# Sourced by the checks that ask a server of their own, not run by itself.

attune=target/debug/attune

# The line that the server prints when it is ready names the port that the system gave it.
address() {
    sed -n 's|.* is ready on \(http://[^ ]*\) .*|\1|p' "$work/log"
}

# start_server [OPTION...]: the demo model on a free port, with data and log below $work; it ends with the script.
start_server() {
    [[ -x $attune ]] || { echo "$attune is missing: cargo build --bin attune" >&2; return 1; }
    rm -rf "$work"
    mkdir -p "$work"
    "$attune" serve --offline --listen 127.0.0.1:0 --data-dir "$work/data" "$@" >"$work/log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
    for _ in $(seq 300); do
        [[ -n $(address) ]] && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    echo "the server did not start:" >&2
    tail -n 20 "$work/log" >&2
    return 1
}
