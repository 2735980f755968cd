"""Runs what the documentation prints: run.py ATTUNE WORK [DOCUMENT...].

A document is a walk: its blocks are run as printed, in their order, in one shell and one Python (session.py) and in a directory of their
own, which has the reader's files (reader/, and a base). Names that only the reader can know are put in (`put_in`). A block that asks
localhost:8080 before the document has started a server finds one there. What a block prints is held against what the document says that
it prints (answers.py). Only what is marked (document.py) is not run.
"""

import configparser
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from answers import like
from document import blocks
from session import Session, Skipped

HERE = Path(__file__).parent
BASE = ("config.json", "tokenizer.json", "attune.json", "model.safetensors")
POSTGRES = "postgres://attune:PASSWORD@db.internal/"


def parse_yaml(text):
    try:
        import yaml
    except ImportError:
        raise Skipped("PyYAML is not installed")
    list(yaml.safe_load_all(text))


DATA = {"json": json.loads, "yaml": parse_yaml, "text": str, "http": str,
        "ini": lambda text: configparser.RawConfigParser(strict=False).read_string(text)}
SYNTAX = {"sh": lambda text: subprocess.run(["bash", "-n"], input=text, text=True, check=True),
          "python": lambda text: compile(text, "block", "exec")}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Walk:
    """A document's blocks, and where they are run."""

    def __init__(self, attune: Path, work: Path, document: Path):
        self.document, self.blocks, self.port = document, blocks(document), free_port()
        self.place = work / str(document).replace("/", "-")
        self.shell = self.python = None
        shutil.copytree(HERE / "reader", self.place)
        for directory in ("my-model", "target/debug", "blocks"):
            (self.place / directory).mkdir(parents=True)
        for file in BASE:
            shutil.copy(Path("models/demo") / file, self.place / "my-model")
        shutil.copy("tests/fixtures/gguf/qwen2.q8_0.gguf", self.place / "model.Q8_0.gguf")
        shutil.copytree("clients", self.place / "clients", ignore=shutil.ignore_patterns("__pycache__"))
        (self.place / "target/debug/attune").symlink_to(attune)

    def environment(self):
        # A PostgreSQL of the check's own: the documents make databases in it.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATTUNE_", "AWS_", "PG", "RUST_LOG"))}
        return {**kept, "PATH": f"{self.place}/target/debug:{kept['PATH']}", "ATTUNE_LISTEN": f"127.0.0.1:{self.port}",
                "ATTUNE_OFFLINE": "true", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def put_in(self, text):
        """The names that are the reader's: addresses, buckets, directories of the system."""
        postgres, artifacts = self.shell.facts
        text = text.replace(":8080", f":{self.port}").replace(POSTGRES, postgres.removesuffix("postgres"))
        text = re.sub(r"s3://(\w+)", artifacts.replace("/tests", r"/\1"), text)
        return re.sub(r"(?<![\w.])/(var/lib|mnt|srv)/", rf"{self.place}/\1/", text)

    def start(self):
        """The sessions that the blocks ask for, and the server that they do."""
        run = [block for block in self.blocks if not block.reason]
        shell = "\n".join(block.text for block in run if block.language == "sh")
        services = [["bash", ".ci/with_postgres.sh"]] * ("postgres://" in shell) + [["bash", ".ci/with_s3.sh"]] * ("s3://" in shell)
        self.shell = Session([*sum(services, []), "bash", str(HERE / "session.sh"), str(self.place)], self.environment(),
                             self.place / "blocks")
        if any(block.language == "python" for block in run):
            if "ATTUNE_DOCS_VENV" not in os.environ:
                raise Skipped("PyPI is not reachable")
            self.python = Session([sys.executable, str(HERE / "python_session.py")], self.environment(), self.place / "blocks",
                                  self.place)
        if ":8080" in shell.split("serve")[0] or self.python:
            self.shell.run("attune serve")

    def step(self, block):
        """Runs the block, or looks at its syntax; says which."""
        if block.reason:
            SYNTAX[block.language](block.text)
            return f"not run, {block.reason}"
        if block.language == "then":
            self.shell.run(f"refusals=\n{self.put_in(block.text)}\n")
            return None
        if block.language == "toml":
            (self.place / "blocks/attune.toml").write_text(block.text)
            self.shell.run("attune openapi --config blocks/attune.toml\n")
            return "its options exist"
        if block.language in DATA:
            DATA[block.language](block.text)
            return "parsed"
        assert block.language in SYNTAX, f"{block.where}: nothing is known of blocks of {block.language or 'no language'}"
        refusals = "yes" if "/problems/" in (block.answer or "") else ""
        text = self.put_in(block.text)
        output = self.python.run(text) if block.language == "python" else self.shell.run(f"refusals={refusals}\n{text}")
        answer = block.answer and self.put_in(block.answer)
        assert not answer or like(answer, output), f"{block.where} is not answered with\n{answer}\nbut with\n{output}"
        return "run, and answers so" if answer else "run"

    def close(self):
        for session in (self.python, self.shell):
            if session:
                session.close()


def walk(attune, work, document):
    """`holds`, `fails` or `skipped`."""
    steps = Walk(attune, work, document)
    where = document
    try:
        steps.start()
        for block in steps.blocks:
            where, began = block.where, time.monotonic()
            if outcome := steps.step(block):
                print(f"{block.where:32} {time.monotonic() - began:6.1f} s  {outcome}", flush=True)
    except Skipped as skipped:
        print(f"SKIPPED {document}: {skipped}", flush=True)
        return "skipped"
    except (AssertionError, KeyError, ValueError, SyntaxError, subprocess.SubprocessError) as error:
        print(f"FAILED {where}: {type(error).__name__}: {error}", flush=True)
        return "fails"
    finally:
        steps.close()
    return "holds"


def main(attune, work, *documents):
    work = Path(work).resolve()
    work.mkdir(parents=True)
    documents = documents or ("README.md", *sorted(map(str, Path("docs").glob("*.md"))), "clients/python/README.md", "deploy/README.md")
    began = time.monotonic()
    outcomes = {name: walk(Path(attune).resolve(), work, Path(name)) for name in documents}
    for outcome in sorted(set(outcomes.values())):
        print(f"{outcome}: {', '.join(name for name in outcomes if outcomes[name] == outcome)}")
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit("fails" in outcomes.values())


main(*sys.argv[1:])
