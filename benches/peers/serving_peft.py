"""transformers + peft's side of serving.py, in f32 on one thread.

python serving_peft.py CHECKPOINT ADAPTER...      # what serving.py starts: a line of streams in, a line of tokens out
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from serving_process import Process
from serving_work import NEW_TOKENS, Unavailable


class Peft:
    def __init__(self, options, adapters):
        for package in ["torch", "transformers", "peft"]:
            if not importlib.util.find_spec(package):
                raise Unavailable(f"{package} is not installed here: pip install torch transformers peft")
        command = [sys.executable, __file__, options.base, *adapters]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = Process(command, options.core, options.work / "peft.log", **pipes)
        # The first line says that it is ready.
        self.answer()

    def run(self, scenario, streams):
        """The number of tokens that each stream was given."""
        return [len(tokens) for tokens in self.read(scenario, streams)]

    def read(self, _scenario, streams):
        """The tokens that each stream was given."""
        lines = [[stream.tokens(), stream.adapter] for stream in streams]
        try:
            print(json.dumps(lines), file=self.process.child.stdin, flush=True)
        except BrokenPipeError:
            pass  # Its answer will be that it has ended.
        return self.answer()

    def answer(self):
        line = self.process.child.stdout.readline()
        if not line:
            self.process.child.wait()
            raise Unavailable(self.process.failure())
        return json.loads(line)


def main():
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    checkpoint, *adapters = map(Path, sys.argv[1:])
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapters[0], adapter_name="0")
    for index, adapter in enumerate(adapters[1:], start=1):
        model.load_adapter(adapter, adapter_name=str(index))
    model.eval()
    print("[]", flush=True)
    for line in sys.stdin:
        streams = json.loads(line)
        tokens = torch.tensor([prompt for prompt, _ in streams])  # [B, T]
        with torch.inference_mode():
            written = generate(model, tokens, [adapter for _, adapter in streams])  # [B, T + new]
        print(json.dumps(written[:, tokens.shape[1] :].tolist()), flush=True)


def generate(model, tokens, adapters):
    """Continue each row, by the cheapest way that peft has for its adapters."""
    # As many as asked for, the end of text or not.
    settings = {"max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS, "do_sample": False, "pad_token_id": 0}
    inputs = {"input_ids": tokens, "attention_mask": tokens.new_ones(tokens.shape)}
    chosen = set(adapters)
    if chosen == {None}:
        with model.disable_adapter():
            return model.generate(**inputs, **settings)
    if len(chosen) == 1:
        model.set_adapter(str(chosen.pop()))
        return model.generate(**inputs, **settings)
    names = ["__base__" if adapter is None else str(adapter) for adapter in adapters]
    return model.generate(**inputs, adapter_names=names, **settings)


if __name__ == "__main__":
    main()
