"""LoRA training steps at SmolLM2-135M's shape: attune beside transformers + peft, in turns, one thread each.

    pip install torch transformers peft
    python benches/peers/train_step.py [--rounds 3] [--steps 3] [--texts 8] [--length 128]

Random weights; all seven projections, r 8. "B only" trains what attune trains (A frozen); "A and B" is peft's
default. Each round starts both anew; the first step of each start is left out. Prints medians, their ratio and the
peak memory of each process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "CANDLE_NUM_THREADS": "1"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--peer", choices=["b", "ab"])
    options = parser.parse_args()
    if options.peer:
        return peer(options)

    build = ["cargo", "bench", "--bench", "train_step", "--no-run", "--message-format", "json"]
    lines = subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    binary = next(m["executable"] for m in map(json.loads, lines) if m.get("target", {}).get("name") == "train_step")
    sizes = [str(options.steps + 1), str(options.texts), str(options.length)]
    here = [sys.executable, __file__, "--steps", str(options.steps + 1), "--texts", sizes[1], "--length", sizes[2]]
    commands = {
        "attune": [binary, *sizes],
        "attune, checkpointing": [binary, *sizes, "--checkpointing"],
        "peft, B only": [*here, "--peer", "b"],
        "peft, A and B": [*here, "--peer", "ab"],
    }
    seconds = {name: [] for name in commands}
    peaks = {name: 0 for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            out = subprocess.run(command, env={**os.environ, **ONE_THREAD}, check=True, capture_output=True, text=True)
            records = [json.loads(line) for line in out.stdout.splitlines()]
            seconds[name] += [r["seconds"] for r in records if r.get("step", 0) > 1]
            peaks[name] = max([peaks[name], *(r["peak_mib"] for r in records if "peak_mib" in r)])
    ours = statistics.median(seconds["attune"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:21} {median:7.2f} s a step   attune / it {ours / median:5.2f}   peak {peaks[name]:6.0f} MiB")


def peer(options):
    import resource

    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e5},
    )
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(LlamaForCausalLM(config), LoraConfig(r=8, lora_alpha=16, target_modules=targets))
    if options.peer == "b":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("lora_B" in name)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    tokens = torch.randint(0, 49152, (options.texts, options.length))
    for step in range(1, options.steps + 1):
        started = time.perf_counter()
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(json.dumps({"step": step, "seconds": time.perf_counter() - started, "loss": loss.item()}))
    print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
