"""Write a checkpoint of a real model's shape with random weights, to measure what does not depend on their values.

    pip install torch transformers
    python benches/peers/make_shape.py smollm2-135m DIR      # or qwen2.5-0.5b

bf16 safetensors, as such models are published, with a byte-level tokenizer of 256 tokens: text costs more tokens
than with the model's own, everything else is as large.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

SHAPES = {
    "smollm2-135m": dict(
        model_type="llama",
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rope_theta=100000.0,
        tie_word_embeddings=True,
    ),
    "qwen2.5-0.5b": dict(
        model_type="qwen2",
        vocab_size=151936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32768,
        rope_theta=1000000.0,
        tie_word_embeddings=True,
    ),
}


def main():
    shape, out = SHAPES[sys.argv[1]], Path(sys.argv[2])
    torch.manual_seed(1)
    config = AutoConfig.for_model(**shape, bos_token_id=256, eos_token_id=257)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(out)
    (out / "tokenizer.json").write_text(json.dumps(byte_level_tokenizer()))


def byte_level_tokenizer():
    """The 256 bytes as tokens, by GPT-2's printable stand-ins, and <bos>, <eos>."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = iter(range(256, 512))
    vocab = {chr(byte if byte in printable else next(moved)): byte for byte in range(256)}
    special = [dict(id=256 + i, content=c, special=True) for i, c in enumerate(["<bos>", "<eos>"])]
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False)
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)
    return dict(
        version="1.0",
        added_tokens=[{**token, **flags} for token in special],
        pre_tokenizer=level,
        decoder=level,
        model=dict(type="BPE", vocab=vocab, merges=[]),
    )


if __name__ == "__main__":
    main()
