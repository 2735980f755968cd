#!/usr/bin/env bash
# Holds LoRA that attune writes as GGUF against llama.cpp: loaded beside a fixture's base, each must give the tokens that
# peft gives with the same adapter.
#
# Building llama.cpp takes 20 minutes, so this uses one that is there: ATTUNE_LLAMA_PYTHON names a python that imports
# llama_cpp (pip install llama-cpp-python). `cargo test --test it` has written the files below target/tmp.
#
# Exits with 77 where there is no such python, or no base.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${ATTUNE_LLAMA_PYTHON:-}
fixtures=tests/fixtures/gguf
written=target/tmp/gguf

skip() {
    echo "SKIPPED: $1"
    exit 77
}

[[ -n $python ]] || skip "ATTUNE_LLAMA_PYTHON names no python that has llama_cpp"
"$python" -c 'import llama_cpp' || skip "$python cannot import llama_cpp"

# One line for each LoRA: base, file, prompt, expected tokens.
cases() {
    "$python" - "$fixtures/loras.json" <<'PYTHON'
import json
import sys

with open(sys.argv[1]) as file:
    for case in json.load(file):
        print(case["base"], case["lora"], *(",".join(map(str, case[key])) for key in ("prompt", "llama_q8_0")))
PYTHON
}

count=0
while read -r base lora prompt expected; do
    [[ -f $fixtures/$base ]] || skip "$fixtures/$base is not there"
    echo "--- $lora on $base"
    "$python" .ci/check_gguf_lora.py "$fixtures/$base" "$written/$lora" --prompt "$prompt" --expect "$expected"
    count=$((count + 1))
done < <(cases)

((count > 0)) || { echo "no cases in $fixtures/loras.json" >&2; exit 1; }
echo "$count LoRA agree with llama.cpp"
