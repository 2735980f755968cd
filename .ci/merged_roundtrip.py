"""Check that a checkpoint with an adapter merged into it means to transformers what the adapter means to PEFT.

    python .ci/merged_roundtrip.py MERGED_DIR REFERENCE.safetensors

MERGED_DIR  a Hugging Face directory that attune wrote
REFERENCE   a safetensors file with `tokens` [B, T], an integer type, and `logits_all` [B, T, V], f32: what peft computed
            for those tokens with the adapter on the base

Computes the logits of `tokens` in f32, prints the largest relative difference, max|a - b| / max|b| with b the reference,
and exits with 1 where it is above the tolerance or not a number, or where transformers finds a tensor missing or left
over. The tolerance is 1e-4; where the base is stored in bf16, so are the merged weights, and their rounding alone moves
the logits of the fixtures by 2.0e-2 at most: there it is 0.05. Exits with 2 where it is called wrongly. Needs
torch, transformers and safetensors from PyPI, and no network.
"""

import os
import sys
from pathlib import Path

# Before the imports that read it: the directory is local, so the hub is never asked.
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.05}


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    merged, reference = sys.argv[1:]
    stored = load_file(reference)
    tokens, expected = stored["tokens"].long(), stored["logits_all"].float()  # [B, T], [B, T, V]

    model, report = AutoModelForCausalLM.from_pretrained(
        merged, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    wrong = {kind: sorted(map(str, names)) for kind, names in report.items() if names}
    if wrong:
        print(f"transformers does not load every tensor: {wrong}", file=sys.stderr)
        return 1
    with torch.no_grad():
        found = model.eval()(tokens).logits  # [B, T, V]
    difference = ((found - expected).abs().max() / expected.abs().max()).item()
    tolerance = max(TOLERANCES[dtype] for dtype in stored_types(merged))
    print(f"largest relative difference: {difference:.3e} (at most {tolerance:.0e})")
    return 0 if difference <= tolerance else 1


def stored_types(merged):
    """The types that the merged weights are stored in."""
    files = Path(merged).glob("*.safetensors")
    return {tensor.dtype for file in files for tensor in load_file(file).values()}


if __name__ == "__main__":
    sys.exit(main())
