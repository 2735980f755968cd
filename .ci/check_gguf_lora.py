"""Check that llama.cpp reads a LoRA that attune wrote as GGUF, and computes with it what is expected.

    python check_gguf_lora.py base.gguf lora.gguf --prompt 1,2,3 --expect 4,5,6

Both lists are token ids. The best token at each step, from the base with the LoRA, must be the expected one, and
not so from the base alone, or the check could not tell a LoRA that does nothing. Ends with 0 where that holds, with 1
where it does not or llama.cpp refuses a file, and with 77 (skip) where llama_cpp cannot be imported.

Written against llama-cpp-python 0.3.36.
"""

import argparse
import ctypes
import sys
from pathlib import Path

try:
    import llama_cpp
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)

LOG_ERROR = 4


class Refused(Exception):
    """llama.cpp, or this script, does not take what was given."""


def main():
    arguments = parse()
    errors = keep_errors()
    try:
        alone = continuation(arguments, lora=None)
        adapted = continuation(arguments, arguments.lora)
    except (Refused, ValueError) as error:
        print("".join(errors), end="")
        print(f"failed: {error}")
        return 1

    print(f"expected   {arguments.expect}\nwith LoRA  {adapted}\nbase alone {alone}")
    if adapted != arguments.expect:
        step = next(step for step, pair in enumerate(zip(adapted, arguments.expect)) if pair[0] != pair[1])
        print(f"failed: step {step} gives {adapted[step]}, not {arguments.expect[step]}")
        return 1
    if alone == arguments.expect:
        print("failed: the base alone gives the same; choose a prompt on which the LoRA shows")
        return 1
    print(f"llama.cpp agrees on {len(adapted)} tokens")
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path, help="the base model's GGUF file")
    parser.add_argument("lora", type=Path, help="the LoRA's GGUF file")
    parser.add_argument("--prompt", type=token_ids, required=True, help="token ids, with commas between")
    parser.add_argument("--expect", type=token_ids, required=True, help="the token ids that must follow")
    parser.add_argument("--scale", type=float, default=1.0, help="what the LoRA is multiplied by")
    return parser.parse_args()


def token_ids(text):
    ids = [int(part) for part in text.split(",")]
    if min(ids) < 0:
        raise argparse.ArgumentTypeError("a token id is not negative")
    return ids


def keep_errors():
    """Keep llama.cpp's errors, which say what it does not like of a file, and drop the rest of its log."""
    errors = []

    @llama_cpp.llama_log_callback
    def keep(level, text, _):
        if level == LOG_ERROR:
            errors.append(text.decode(errors="replace"))

    llama_cpp.llama_log_set(keep, ctypes.c_void_p())
    # The library holds only the address: the callback must outlive it.
    keep_errors.callback = keep
    return errors


def continuation(arguments, lora):
    """The best token at each step after the prompt, as many as are expected."""
    if not arguments.base.is_file():
        raise Refused(f"there is no file {arguments.base}")
    model = llama_cpp.Llama(
        str(arguments.base),
        n_ctx=len(arguments.prompt) + len(arguments.expect),
        logits_all=True,
        flash_attn=False,
        type_k=llama_cpp.GGML_TYPE_F32,
        type_v=llama_cpp.GGML_TYPE_F32,
        verbose=False,
    )
    try:
        too_large = max(arguments.prompt + arguments.expect)
        if too_large >= model.n_vocab():
            raise Refused(f"token {too_large} is not in the base's vocabulary of {model.n_vocab()}")
        if lora:
            attach(model, lora, arguments.scale)
        model.eval(arguments.prompt)
        chosen = []
        while len(chosen) < len(arguments.expect):
            chosen.append(int(model.scores[model.n_tokens - 1].argmax()))
            model.eval(chosen[-1:])
        return chosen
    finally:
        model.close()


def attach(model, lora, scale):
    """What `lora_path` of `Llama` does too; but that crashes with a file that llama.cpp refuses."""
    adapter = llama_cpp.llama_adapter_lora_init(model.model, str(lora).encode())
    if not adapter:
        raise Refused(f"llama.cpp does not load {lora}")
    adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter)
    # The model frees its adapters.
    if llama_cpp.llama_set_adapters_lora(model.ctx, adapters, 1, (ctypes.c_float * 1)(scale)):
        raise Refused(f"llama.cpp does not apply {lora}")


if __name__ == "__main__":
    sys.exit(main())
