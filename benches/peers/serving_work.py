"""What every side of serving.py is given: the streams of a scenario, and the adapters."""

import json
import random
from dataclasses import dataclass

PROMPT_TOKENS, NEW_TOKENS = 32, 24
ADAPTERS, RANK, ALPHA = 8, 8, 16
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# make_shape.py's <bos>.
BEGIN = 256
LETTERS = "abcdefghijklmnopqrstuvwxyz ,."


class Unavailable(Exception):
    """A side cannot take part; the message says why in plain words."""


@dataclass
class Stream:
    """One request: a text, and the index of the adapter that answers it."""

    prompt: str
    adapter: int | None

    def tokens(self):
        """The prompt as the byte-level tokenizer has it, whose first tokens are the bytes."""
        return [BEGIN, *self.prompt.encode()]


@dataclass
class Scenario:
    """What runs at once: the adapter of each stream."""

    meaning: str
    adapters: list
    # Whether the adapters are a generator's, which share one A, instead of the imported ones.
    is_generated: bool = False

    def streams(self, seed):
        """The streams of one run: no two of all runs have a prompt in common."""
        letters = random.Random(seed)
        return [Stream("".join(letters.choices(LETTERS, k=PROMPT_TOKENS - 1)), adapter) for adapter in self.adapters]


SCENARIOS = {
    "mixed8": Scenario("8 streams, each with an adapter of its own", list(range(8))),
    "same8": Scenario("8 streams with one adapter", [0] * 8),
    "single_lora": Scenario("one stream with an adapter", [0]),
    "base8": Scenario("8 streams without adapters", [None] * 8),
    "base1": Scenario("one stream without an adapter", [None]),
    "gen8": Scenario("8 streams, each with its adapter of one generator", list(range(8)), is_generated=True),
}


def write_adapters(checkpoint, directory):
    """Write the adapters, of random A and B on all linear layers, as PEFT directories: their paths."""
    paths = [directory / f"{checkpoint.name}-adapters" / f"adapter-{index}" for index in range(ADAPTERS)]
    for index, path in enumerate(paths):
        if not is_newer(path / "adapter_config.json", checkpoint / "model.safetensors"):
            write_adapter(checkpoint, path, index)
    return paths


def write_adapter(checkpoint, directory, seed):
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    numbers = torch.Generator().manual_seed(seed)
    weights = {}
    with safe_open(checkpoint / "model.safetensors", "pt") as base:
        for name in base.keys():  # noqa: SIM118, as it is no dict
            layer = name.removesuffix(".weight")
            if layer.rsplit(".", 1)[-1] in MODULES:
                outs, ins = base.get_slice(name).get_shape()
                a = torch.randn(RANK, ins, generator=numbers) / ins**0.5  # [R, in]
                b = torch.randn(outs, RANK, generator=numbers) * 0.02  # [out, R]
                weights |= {f"base_model.model.{layer}.lora_{side}.weight": w for side, w in [("A", a), ("B", b)]}
    directory.mkdir(parents=True, exist_ok=True)
    save_file(weights, directory / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(checkpoint)}
    settings |= {"r": RANK, "lora_alpha": ALPHA, "target_modules": MODULES, "lora_dropout": 0.0, "bias": "none"}
    # Last, so that a directory that was left half written is written anew.
    (directory / "adapter_config.json").write_text(json.dumps(settings))


def is_newer(made, source):
    """Whether `made` is there, and was made after `source`."""
    return made.is_file() and made.stat().st_mtime >= source.stat().st_mtime
