"""attune's side of serving.py: `attune serve`, which takes the adapters in over HTTP."""

import json
import secrets
import shutil
import sys
import tempfile

from serving_process import Server
from serving_work import NEW_TOKENS, PROMPT_TOKENS, Unavailable

# What makes it do the work that the others do; versions that lack a field refuse it.
SWITCHES = {"ignore_eos": True, "cache_prompt": False}
PRECISION = {"q8_0": ["--quantize", "q8_0"], "f32": ["--dtype", "f32"]}
TASKS = ["upper case", "lower case", "reverse", "sort", "count", "repeat", "first word", "last word"]


class Attune:
    def __init__(self, options, adapters, precision):
        if not options.attune.is_file():
            raise Unavailable(f"there is no {options.attune}: cargo build --release")
        self.data = tempfile.TemporaryDirectory(prefix="attune-", dir=options.work, ignore_cleanup_errors=True)
        if options.generator_data:
            shutil.copytree(options.generator_data, self.data.name, dirs_exist_ok=True)
        command = [options.attune, "serve", "--base", options.base, *PRECISION[precision], "--offline"]
        command += ["--listen", "127.0.0.1:PORT", "--data-dir", self.data.name]
        log = options.work / f"attune-{precision}.log"
        self.process = Server(command, options.core, log, "/health/ready")
        self.switches = self.known_switches()
        self.imported = [self.take_in(path) for path in adapters]
        self.generated = self.generate(options)

    def run(self, scenario, streams):
        """The number of tokens that each stream was given."""
        return [answer["usage"]["completion_tokens"] for answer in self.complete(self.requests(scenario, streams))]

    def read(self, scenario, streams):
        """The tokens that each stream was given."""
        requests = [{**request, "logprobs": 0} for request in self.requests(scenario, streams)]
        return [[token["id"] for token in answer["tokens"]] for answer in self.complete(requests)]

    def requests(self, scenario, streams):
        ids = self.generated if scenario.is_generated else self.imported
        # It puts <bos> before them itself.
        requests = [{"prompt": stream.prompt} for stream in streams]
        for request, stream in zip(requests, streams):
            if stream.adapter is not None:
                request |= {"adapter": ids[stream.adapter], "merge": "never"}
        return requests

    def complete(self, requests):
        settings = {"max_tokens": NEW_TOKENS, "temperature": 0, **self.switches}
        answers = self.process.post_at_once("/generate", [{**settings, **request} for request in requests])
        if any(answer["usage"]["prompt_tokens"] != PROMPT_TOKENS for answer in answers):
            raise Unavailable(f"attune does not read the prompts as {PROMPT_TOKENS} tokens")
        return answers

    def known_switches(self):
        _, openapi = self.process.request("GET", "/openapi.json")
        known = json.loads(openapi)["components"]["schemas"]["Generate"]["properties"]
        for field in SWITCHES.keys() - known.keys():
            print(f"this attune knows no `{field}`: not sent", file=sys.stderr)
        return {field: value for field, value in SWITCHES.items() if field in known}

    def take_in(self, directory):
        """The id of the adapter in a PEFT directory."""
        edge = secrets.token_hex(16)
        form = b""
        for file in ["adapter_config.json", "adapter_model.safetensors"]:
            part = file.split(".")[0]
            head = f'--{edge}\r\ncontent-disposition: form-data; name="{part}"; filename="{file}"\r\n\r\n'
            form += head.encode() + (directory / file).read_bytes() + b"\r\n"
        form += f"--{edge}--\r\n".encode()
        return self.process.post("/adapters/import", form, f"multipart/form-data; boundary={edge}")["id"]

    def generate(self, options):
        """The ids of adapters that a generator writes; none where there is no generator."""
        if not options.generator_data:
            return []
        try:
            return [self.process.post("/adapters", json.dumps({"task": task}))["id"] for task in TASKS]
        except Unavailable as reason:
            print(f"no gen8: {reason}", file=sys.stderr)
            return []
