"""llama.cpp's side of serving.py: its server, with its own conversions of the base and of the adapters.

    python serving_llama.py SOURCES CHECKPOINT OUT.gguf      # what serving.py runs to convert the base

The sources are those in llama-cpp-python's source package: llama.cpp itself is not on PyPI.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from serving_process import Server
from serving_work import ADAPTERS, NEW_TOKENS, PROMPT_TOKENS, Unavailable, is_newer

NAME, VERSION = "llama-cpp-python", "0.3.36"
CELLS, SLOTS = 2048, 8


class Llama:
    def __init__(self, options, adapters):
        sources = options.llama_sources or unpack(options.work)
        server = options.llama_server
        if not server.is_file():
            server = build(sources, options.work)
        base = convert_base(sources, options)
        loras = [part for path in adapters for part in ("--lora", convert_adapter(sources, options, path))]
        command = [server, "-m", base, *loras, "--lora-init-without-apply", "--host", "127.0.0.1", "--port", "PORT"]
        # What is not said is at its default: f16 keys and values, flash attention where it can, batches of 512.
        command += ["-c", CELLS, "-np", SLOTS, "-t", 1, "-tb", 1, "--cache-ram", 0, "--no-webui"]
        self.process = Server(command, options.core, options.work / "llama-server.log", "/health")

    def run(self, _scenario, streams):
        """The number of tokens that each stream was given."""
        return [answer["tokens_predicted"] for answer in self.complete(streams)]

    def read(self, _scenario, streams):
        """The tokens that each stream was given."""
        return [answer["tokens"] for answer in self.complete(streams)]

    def complete(self, streams):
        answers = self.process.post_at_once("/completion", [request(stream) for stream in streams])
        if any(answer["tokens_evaluated"] != PROMPT_TOKENS for answer in answers):
            raise Unavailable(f"llama-server does not read prompts of {PROMPT_TOKENS} tokens as they are")
        return answers


def request(stream):
    return {
        "prompt": stream.tokens(),
        # An adapter that is not named would be applied by the server's own scale.
        "lora": [{"id": index, "scale": float(index == stream.adapter)} for index in range(ADAPTERS)],
        "n_predict": NEW_TOKENS,
        "ignore_eos": True,
        "temperature": 0,
        "cache_prompt": False,
        "return_tokens": True,
    }


def unpack(work):
    """llama.cpp's sources, from PyPI."""
    target = work / "llama-cpp-python"
    if not target.is_dir():
        print("taking llama.cpp's sources from PyPI", file=sys.stderr)
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", NAME, "-d", work]
        quietly([*download, f"{NAME}=={VERSION}"], "its sources cannot be taken from PyPI")
        with tarfile.open(next(work.glob(f"llama_cpp_python-{VERSION}.tar.gz"))) as archive:
            archive.extractall(work / "unpacked", filter="data")
        next((work / "unpacked").iterdir()).rename(target)
    return target / "vendor" / "llama.cpp"


def build(sources, work):
    """llama-server, built for this processor."""
    target = work / "llama-build"
    server = target / "bin" / "llama-server"
    if not server.is_file():
        print("building llama-server: ten minutes or more, once", file=sys.stderr)
        switches = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON"]
        # Its page would be taken from elsewhere on the net.
        unused = ["BUILD_UI", "USE_PREBUILT_UI", "BUILD_TESTS", "BUILD_EXAMPLES", "OPENSSL"]
        switches += [f"-DLLAMA_{part}=OFF" for part in unused]
        quietly(["cmake", "-S", sources, "-B", target, *switches], "cmake does not configure it")
        jobs = ["--target", "llama-server", "--parallel", os.cpu_count() or 1]
        quietly(["cmake", "--build", target, *jobs], "it does not build")
    return server


def convert_base(sources, options):
    path = options.work / f"{options.base.name}.q8_0.gguf"
    if not is_newer(path, options.base / "model.safetensors"):
        quietly([sys.executable, __file__, sources, options.base, path], "its converter does not take the base")
    return path


def convert_adapter(sources, options, adapter):
    path = adapter.with_suffix(".gguf")
    if not is_newer(path, adapter / "adapter_config.json"):
        converter = [sys.executable, sources / "convert_lora_to_gguf.py", "--base", options.base, "--outfile", path]
        quietly([*converter, adapter], "its converter does not take an adapter")
    return path


def quietly(command, complaint):
    """Run a command, of this Python's own ones first; its output is shown where it fails."""
    folders = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": folders}
    parts = [str(part) for part in command]
    try:
        done = subprocess.run(parts, check=False, capture_output=True, text=True, env=environment)
    except FileNotFoundError as error:
        raise Unavailable(f"{complaint}: {error}") from error
    if done.returncode:
        raise Unavailable(f"{complaint}: {(done.stdout + done.stderr).strip()[-800:]}")


def main():
    sources, checkpoint, out = map(Path, sys.argv[1:])
    sys.path[:0] = [str(sources), str(sources / "gguf-py")]
    import gguf
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class

    staged = out.with_suffix(".staged")
    stage(checkpoint, staged)
    family = get_model_class(get_model_architecture(ModelBase.load_hparams(staged, False), ModelType.TEXT))

    class Converter(family):
        model_arch = family.model_arch

        def set_vocab(self):
            # Llama's own looks for SentencePiece first.
            self._set_vocab_gpt2()

        def get_vocab_base_pre(self, tokenizer):
            # The converter knows published vocabularies alone; prompts are sent as tokens.
            return "gpt-2"

    half = out.with_suffix(".half")
    Converter(staged, gguf.LlamaFileType.MOSTLY_Q8_0, half, model_name=checkpoint.name).write()
    half.rename(out)


def stage(checkpoint, directory):
    """The checkpoint with a tokenizer that the converter and the server take; prompts are sent as tokens."""
    directory.mkdir(exist_ok=True)
    for file in checkpoint.iterdir():
        link = directory / file.name
        link.unlink(missing_ok=True)
        link.symlink_to(file.resolve())
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text())
    if not tokenizer["model"]["merges"]:
        # llama-server refuses a vocabulary in which nothing is merged.
        vocabulary = tokenizer["model"]["vocab"]
        vocabulary["ab"] = max([*vocabulary.values(), *(token["id"] for token in tokenizer["added_tokens"])]) + 1
        tokenizer["model"]["merges"] = [["a", "b"]]
    # The class that transformers would guess is not one of a bare tokenizer.json.
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>", "eos_token": "<eos>"}
    for name, value in [("tokenizer.json", tokenizer), ("tokenizer_config.json", settings)]:
        (directory / name).unlink(missing_ok=True)
        (directory / name).write_text(json.dumps(value))


if __name__ == "__main__":
    main()
