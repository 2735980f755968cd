#!/usr/bin/env bash
# Holds adapters against PEFT itself: transformers and peft load a fixture's base and an adapter, and
# must compute the logits that stand beside it.
#
# Three parts. The first uses the fixtures' own adapters and reference logits, and shows that
# peft_roundtrip.py and the fixtures agree. The second runs the command lines of
# .ci/peft_commands.txt for every fixture and adapter, and checks what attune wrote.
#
# The third merges adapters into their bases with `attune adapter merge` and loads the merged checkpoints in
# transformers, whole and in shards.
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(torch==2.15.0 transformers==5.23.0 peft==0.21.2 safetensors==0.8.0 "numpy>=2,<3")
venv=target/ci-venv
commands=.ci/peft_commands.txt
work=target/ci-peft

# PyPI's torch brings CUDA along: 3 GiB to fetch, 6 unpacked.
needs_gib=10

source .ci/venv.sh

roundtrip() {
    "$venv/bin/python" .ci/peft_roundtrip.py "$@"
}

# The fixture's reference logits of one adapter, in the form that peft_roundtrip.py reads.
reference_logits() {
    "$venv/bin/python" - "$@" <<'PYTHON'
import sys
from safetensors.numpy import load_file, save_file

reference, adapter, out = sys.argv[1:]
stored = load_file(reference)
save_file({"tokens": stored["tokens"], "logits": stored[f"logits_{adapter}"]}, out)
PYTHON
}

# Merges the adapter "all" of a base and holds the checkpoint against peft's logits.
merged() {
    local base=$1 size=$2 out=$work/merged/${1##*/}-$2
    mkdir -p "$work/merged"
    echo "--- ${base##*/} with all merged in, files of at most $size"
    target/debug/attune adapter merge --base "$base" --adapter "$base/adapters/all" --out "$out" --max-shard-size "$size"
    "$venv/bin/python" .ci/merged_roundtrip.py "$out" "$base/reference.safetensors"
}

# Runs the listed command lines with ATTUNE, BASE, ADAPTER and OUT set; together they must leave
# $OUT/adapter (a PEFT directory) and $OUT/logits.safetensors.
run_listed_commands() {
    local line
    for line in "${listed[@]}"; do
        echo "  $line"
        ATTUNE=target/debug/attune BASE=$1 ADAPTER=$2 OUT=$3 bash -euo pipefail -c "$line"
    done
}

# What this machine already has in the pinned version is used, not fetched again: torch is large.
make_venv "$venv" safetensors==0.8.0 --system-site-packages
export CUDA_VISIBLE_DEVICES="" HF_HUB_OFFLINE=1 TQDM_DISABLE=1 PYTHONWARNINGS=ignore::FutureWarning
mapfile -t listed < <(sed -e 's/^[[:space:]]*//' -e '/^#/d' -e '/^$/d' "$commands")
rm -rf "$work"

count=0
for adapter in tests/fixtures/*/adapters/*/; do
    adapter=${adapter%/}
    base=${adapter%/adapters/*}
    name=${adapter##*/}
    out=$work/${base##*/}/$name
    mkdir -p "$out"
    echo "--- ${base##*/} with $name, as PEFT wrote it"
    reference_logits "$base/reference.safetensors" "$name" "$out/reference.safetensors"
    roundtrip "$base" "$adapter" "$out/reference.safetensors"
    if ((${#listed[@]} > 0)); then
        echo "--- ${base##*/} with $name, as attune wrote it"
        run_listed_commands "$base" "$adapter" "$out"
        roundtrip "$base" "$out/adapter" "$out/logits.safetensors"
    fi
    count=$((count + 1))
done

((count > 0)) || { echo "no adapters below tests/fixtures" >&2; exit 1; }
if ((${#listed[@]} == 0)); then
    echo "NOT CHECKED: what attune itself writes, since $commands lists no command yet"
fi
for base in tests/fixtures/llama_tied tests/fixtures/families/{qwen2,gemma2,phi3}; do
    merged "$base" 5GB
    merged "$base" 20KB
done
echo "$count adapters agree with PEFT, and so do the merged checkpoints"
