"""Serving LoRA adapters on one CPU thread: attune beside llama.cpp and transformers + peft, in turns.

    pip install torch transformers peft
    pip install cmake pyyaml tqdm requests      # to build llama.cpp's server, and to convert for it
    cargo build --release
    python benches/peers/serving.py [--rounds 5] [--json]

SmolLM2-135M's shape with random weights, and eight adapters of random A and B, r 8, on all seven projections. Each
stream reads a prompt of 32 tokens and writes 24, greedily, the end of text or not; no prompt comes twice, and prefix
caches are off. Every side stays up, on one core, and idles while another runs; this program is on the other cores.
Tokens/s are the tokens that were written by the time from the first request to the last answer, prompts' reading
included: the median of the rounds, after one round that is not counted. First it is seen that all sides write the
same tokens. A round takes about a minute.

What is made once is kept in --work: the checkpoint, the adapters, their conversions, and llama.cpp's server, which is
built from the sources in llama-cpp-python's package. Where a side cannot take part it is said why, and its ratios
are null. Linux only.
"""

import argparse
import importlib.metadata
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from serving_attune import Attune
from serving_llama import Llama
from serving_peft import Peft
from serving_work import NEW_TOKENS, SCENARIOS, Unavailable, write_adapters

ROOT = Path(__file__).resolve().parents[2]
SHAPE = "smollm2-135m"
SIDES = {
    "attune_q8_0": lambda *given: Attune(*given, "q8_0"),
    "llama_q8_0": Llama,
    "attune_f32": lambda *given: Attune(*given, "f32"),
    "peft_f32": Peft,
}
# Each ratio: a scenario and a side, by another.
COMPARED = {
    f"{scenario}_vs_{peer}": ((scenario, ours), (scenario, peer))
    for ours, peer, scenarios in [
        ("attune_q8_0", "llama_q8_0", ["mixed8", "same8", "single_lora", "base1", "base8"]),
        # As a user would run either: in 8 bits against f32, which is the best that PEFT has on a CPU.
        ("attune_q8_0", "peft_f32", ["mixed8", "same8", "single_lora"]),
    ]
    for scenario in scenarios
} | {
    f"{scenario}_f32_vs_peft_f32": ((scenario, "attune_f32"), (scenario, "peft_f32"))
    for scenario in ["mixed8", "same8", "single_lora"]
} | {
    "gen8_vs_llama_q8_0": (("gen8", "attune_q8_0"), ("mixed8", "llama_q8_0")),
    "lora_cost_imported8": (("mixed8", "attune_q8_0"), ("base8", "attune_q8_0")),
    "lora_cost_generated8": (("gen8", "attune_q8_0"), ("base8", "attune_q8_0")),
}
# Below this share of its core while it ran, something else was there too.
QUIET = 0.9
# A greedy text that ends early is tried again with other prompts.
ATTEMPTS = 5


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options.work.mkdir(parents=True, exist_ok=True)
    make_base(options)
    keep_off(options.core)
    sides = start(options)
    try:
        check(sides)
        speeds, shares = measure(sides, options)
    except Unavailable as reason:
        sys.exit(f"a side broke down: {reason}")
    report(speeds, shares)
    if options.json:
        machine = describe(options, min(shares, default=None))
        print(json.dumps({"ratios": ratios(speeds), "tokens_per_second": summaries(speeds), "machine": machine}))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    work = ROOT / "target" / "peers" / "serving"
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="rounds that count (5)")
    add("--sides", nargs="+", choices=SIDES, default=list(SIDES), help="who takes part (all)")
    add("--core", type=int, default=0, help="the core that the sides run on (0)")
    add("--attune", type=path, default=ROOT / "target/release/attune", help="its release binary")
    add("--base", type=path, help=f"a checkpoint that make_shape.py wrote (one of {SHAPE}, made in --work)")
    add("--llama-server", type=path, default=work / "llama-build/bin/llama-server", help="built where it is missing")
    add("--llama-sources", type=path, help="llama.cpp's, for its converters (taken from PyPI)")
    add("--generator-data", type=path, help="a data directory with a generator for the base: adds gen8")
    add(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu: by processor time, where others use the core too"
    )
    add("--work", type=path, default=work, help="where what is made once is kept (target/peers/serving)")
    add("--json", action="store_true", help="end with one line of JSON: ratios, tokens_per_second, machine")
    return parser.parse_args()


def path(text):
    return Path(text).resolve()


def make_base(options):
    if options.base:
        return
    options.base = options.work / SHAPE
    if not (options.base / "tokenizer.json").is_file():
        tell(f"writing a checkpoint of {SHAPE}'s shape")
        subprocess.run([sys.executable, Path(__file__).with_name("make_shape.py"), SHAPE, options.base], check=True)


def keep_off(core):
    """Leave the measured core to the sides."""
    if others := os.sched_getaffinity(0) - {core}:
        os.sched_setaffinity(0, others)


def start(options):
    """The sides that can take part, by name."""
    adapters = write_adapters(options.base, options.work)
    sides = {}
    for name in options.sides:
        tell(f"starting {name}")
        try:
            sides[name] = SIDES[name](options, adapters)
        except Unavailable as reason:
            tell(f"{name} does not take part: {reason}")
    return sides


def check(sides):
    """See that all do the same work: that the first tokens they write are those that most of them write.

    8 bits and near ties make some of them others; what is asked of a side is the half.
    """
    for name in ["mixed8", "base8"] if len(sides) > 1 else []:
        scenario = SCENARIOS[name]
        streams = scenario.streams("check")
        firsts = {side: [tokens[0] for tokens in sides[side].read(scenario, streams)] for side in sides}
        usual = [statistics.mode(column) for column in zip(*firsts.values())]
        for side, tokens in firsts.items():
            agreed = sum(token == other for token, other in zip(tokens, usual))
            tell(f"{name}: {side} agrees on {agreed} of {len(usual)} first tokens")
            if agreed < len(usual) / 2:
                sys.exit(f"{side} does other work than the rest: their texts differ")


def measure(sides, options):
    """The tokens/s of each scenario and side, round by round, and the share of the core that each run had."""
    speeds, shares = {}, []
    for number in range(options.rounds + 1):
        tell(f"round {number} of {options.rounds}" if number else "a round that is not counted")
        # Who runs after whom changes, as what one leaves in the caches or the clock does.
        order = list(sides) if number % 2 else list(reversed(sides))
        for name in SCENARIOS:
            runs = run_all(name, {side: sides[side] for side in order}, number)
            for side, (tokens, seconds) in runs.items():
                speed = tokens / seconds[options.clock]
                tell(f"    {name:12} {side:12} {speed:7.1f} tokens/s")
                if number:
                    speeds.setdefault(name, {}).setdefault(side, []).append(speed)
                    shares.append(seconds["cpu"] / seconds["wall"])
    return speeds, shares


def run_all(name, sides, number):
    """A scenario by each side, with the same prompts: tokens and seconds by each clock, by side."""
    scenario = SCENARIOS[name]
    if scenario.is_generated:
        sides = {key: side for key, side in sides.items() if getattr(side, "generated", None)}
    for attempt in range(ATTEMPTS):
        streams = scenario.streams(f"{name} {number} {attempt}")
        runs = {}
        for key, side in sides.items():
            written, seconds = run(side, scenario, streams)
            if any(count != NEW_TOKENS for count in written):
                tell(f"    {name}: {key} wrote {written} tokens, not {NEW_TOKENS} each: other prompts")
                break
            runs[key] = sum(written), seconds
        else:
            return runs
    sys.exit(f"{name}: no prompts were found that every side continues by {NEW_TOKENS} tokens")


def run(side, scenario, streams):
    cpu_seconds, started = side.process.cpu_seconds(), time.perf_counter()
    written = side.run(scenario, streams)
    wall_seconds = time.perf_counter() - started
    return written, {"wall": wall_seconds, "cpu": side.process.cpu_seconds() - cpu_seconds}


def report(speeds, shares):
    print("tokens/s, the median of the rounds (least-most)\n")
    print(f"{'':12}" + "".join(f"{side:>24}" for side in SIDES))
    for name, by_side in summaries(speeds).items():
        cells = [by_side.get(side) for side in SIDES]
        texts = [f"{s['median']:.1f} ({s['min']:.1f}-{s['max']:.1f})" if s else "-" for s in cells]
        print(f"{name:12}" + "".join(f"{text:>24}" for text in texts) + f"    {SCENARIOS[name].meaning}")
    print()
    for name, ratio in ratios(speeds).items():
        print(f"{name:28} {ratio:6.2f}" if ratio else f"{name:28}      -")
    if shares and min(shares) < QUIET:
        print(f"\nThe core was not quiet: a side had {min(shares):.0%} of it while it ran.")


def summaries(speeds):
    return {
        name: {
            side: {
                kind: round(of(values), 2) for kind, of in [("median", statistics.median), ("min", min), ("max", max)]
            }
            for side, values in by_side.items()
        }
        for name, by_side in speeds.items()
    }


def ratios(speeds):
    """By what each ratio is called; None where a side was not there."""

    def median(scenario, side):
        values = speeds.get(scenario, {}).get(side)
        return statistics.median(values) if values else None

    pairs = {name: [median(*key) for key in keys] for name, keys in COMPARED.items()}
    return {name: round(pair[0] / pair[1], 3) if all(pair) else None for name, pair in pairs.items()}


def describe(options, share):
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    packages = {}
    for package in ["torch", "transformers", "peft"]:
        try:
            packages[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            packages[package] = None
    settings = {"rounds": options.rounds, "clock": options.clock, "least_share_of_core": share and round(share, 3)}
    return {"cpu": model, "cores": os.cpu_count(), "threads": 1, **settings, **packages}


def tell(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
