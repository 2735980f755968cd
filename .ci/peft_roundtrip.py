"""Check that an adapter directory means to PEFT what its writer says it means.

    python .ci/peft_roundtrip.py BASE_DIR ADAPTER_DIR LOGITS.safetensors

BASE_DIR     a Llama checkpoint that transformers loads (config.json and safetensors)
ADAPTER_DIR  adapter_config.json and adapter_model.safetensors, as attune exports them
LOGITS       a safetensors file with `tokens` [B, T], an integer type, and `logits` [B, T, V], f32: what the
             writer computed for those tokens with the adapter on the base

Loads both in f32, computes the logits of `tokens` with peft, prints the largest relative difference,
max|a - b| / max|b| with b peft's, and exits with 1 where it is above 1e-4 or not a number, or where peft
finds a tensor missing or left over in the adapter. Exits with 2 where it is called wrongly. Needs torch,
transformers, peft and safetensors from PyPI, and no network.
"""

import os
import sys
import warnings

# Before the imports that read it: both directories are local, so the hub is never asked.
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

TOLERANCE = 1e-4


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    base_dir, adapter_dir, logits_path = sys.argv[1:]
    stored = load_file(logits_path)
    missing = {"tokens", "logits"} - stored.keys()
    if missing:
        print(f"{logits_path} has no {', '.join(sorted(missing))}; it has {', '.join(sorted(stored))}", file=sys.stderr)
        return 2
    # tokens: [B, T]; found: [B, T, V]
    tokens, found = stored["tokens"].long(), stored["logits"].float()

    base = AutoModelForCausalLM.from_pretrained(base_dir, dtype=torch.float32, attn_implementation="eager")
    # peft only warns where the adapter's tensors are not those that its config asks for.
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing adapter keys.*")
        model = PeftModel.from_pretrained(base, adapter_dir).eval()
    left_over = unused_tensors(model, adapter_dir)
    if left_over:
        print(f"peft does not use {len(left_over)} tensors of the adapter: {', '.join(left_over[:4])}", file=sys.stderr)
        return 1

    with torch.no_grad():
        expected = model(tokens).logits  # [B, T, V]
    if found.shape != expected.shape:
        print(f"logits are {list(found.shape)}, peft gives {list(expected.shape)}", file=sys.stderr)
        return 1
    difference = ((found - expected).abs().max() / expected.abs().max()).item()
    print(f"largest relative difference: {difference:.3e} (at most {TOLERANCE:.0e})")
    return 0 if difference <= TOLERANCE else 1


def unused_tensors(model, adapter_dir):
    """Names in the adapter's file that have no parameter in the model peft built."""
    parameters = {name.replace(".default", "") for name, _ in model.named_parameters()}
    written = load_file(os.path.join(adapter_dir, "adapter_model.safetensors"))
    return sorted(name for name in written if name not in parameters)


if __name__ == "__main__":
    sys.exit(main())
