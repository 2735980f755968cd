"""Runs the commands that the documentation prints: run.py ATTUNE WORK.

The five steps of README.md are run as printed against a server that is started here in the place of `cargo run`, whose address stands
for localhost:8080. All other blocks are held against bash's syntax alone, for the reasons below; a block without a reason fails.
"""

import json
import re
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

RUN = ("README.md", "Five steps")
# By file, or by file and heading.
ONLY_SYNTAX = {
    "README.md/Two commands": "builds and tests the crate, as the other checks do",
    "README.md/Tasks to train on": "files of the reader's",
    "README.md/Your own base": "fetches a base from the hub",
    "clients/python/README.md": "installs from PyPI; .ci/python_client.sh does the like",
    "docs/benchmarks.md": "runs for minutes",
    "docs/database.md": "needs PostgreSQL",
    "docs/deployment.md": "needs Docker or a cluster",
    "docs/evaluation.md": "runs for minutes",
    "docs/operations.md": "a key's id and a secret are the reader's",
    "docs/own-model.md": "fetches a base from the hub and trains for hours",
    "docs/reliability.md": "needs PostgreSQL",
    "docs/storage.md": "needs S3",
    "docs/tuning.md": "starts a server of its own and trains for minutes",
    "docs/vllm.md": "needs vLLM",
}
# What a step's output must have in it, by the step's number.
EXPECTED = {1: '"in_distribution":true', 2: '"text":"enots"', 3: '"applied":"none"', 4: '"kind":"generator"'}
STRICT = 'set -euo pipefail\ncurl() { command curl --fail-with-body --show-error --max-time 600 "$@"; echo; }\n'


class Block(NamedTuple):
    file: str
    heading: str
    line: int
    text: str


def blocks(path):
    """The blocks of shell commands of a file."""
    heading, opened, lines = "", None, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = line.strip()
        if opened:
            if fence == "```":
                yield Block(str(path), heading, opened, textwrap.dedent("\n".join(lines)))
                opened, lines = None, []
            else:
                lines.append(line)
        elif fence in ("```sh", "```bash"):
            opened = number
        elif line.startswith("#"):
            heading = line.lstrip("# ")


def bash(text, *options, **more):
    return subprocess.run(["bash", *options], input=text, text=True, capture_output=True, timeout=600, **more)


def check_syntax(block):
    reason = ONLY_SYNTAX.get(f"{block.file}/{block.heading}") or ONLY_SYNTAX.get(block.file)
    assert reason, f"{block.file}:{block.line} is neither run nor listed with a reason (tests/docs/run.py)"
    checked = bash(block.text, "-n")
    assert checked.returncode == 0, f"{block.file}:{block.line}: {checked.stderr}"
    print(f"syntax only  {block.file}:{block.line} ({reason})")


def run_step(number, block, url, work):
    script = work / f"step{number}.sh"
    script.write_text(STRICT + block.text.replace("localhost:8080", url.removeprefix("http://")))
    done = subprocess.run(["bash", script.name], cwd=work, text=True, capture_output=True, timeout=1800)
    where = f"{block.file}:{block.line}"
    assert done.returncode == 0, f"{where} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    assert EXPECTED.get(number, "") in done.stdout, f"{where} did not answer {EXPECTED[number]}:\n{done.stdout}"
    print(f"run          {where}")


def request(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
        return json.load(answer)


def end_jobs(url):
    """Waits for the adapter's training. The generator's takes minutes and has tests of its own: it is cancelled."""
    jobs = {job["kind"]: job["id"] for job in request(f"{url}/jobs")["data"]}
    request(f"{url}/jobs/{jobs['generator']}/cancel", "POST")
    deadline = time.monotonic() + 1800  # a debug build on a busy machine takes minutes to train
    while (job := request(f"{url}/jobs/{jobs['adapter']}"))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, f"the adapter's training does not end: {job}"
        time.sleep(0.5)
    assert job["state"] == "succeeded", job
    print("the adapter's training succeeded; the generator's was queued, and cancelled")


def started(attune, work):
    """A server, and its address."""
    log = work / "log"
    command = [attune, "serve", "--offline", "--listen", "127.0.0.1:0", "--data-dir", str(work / "data")]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while not (ready := re.search(r" is ready on (http://\S+) ", log.read_text())):
        assert server.poll() is None and time.monotonic() < deadline, f"the server did not start: {log.read_text()}"
        time.sleep(0.1)
    return server, ready.group(1)


def main(attune, work):
    files = [Path("README.md"), *sorted(Path("docs").glob("*.md")), Path("clients/python/README.md")]
    found = [block for file in files for block in blocks(file)]
    steps = [block for block in found if (block.file, block.heading) == RUN]
    assert len(steps) == 5, f"README.md has {len(steps)} steps, not five"
    for block in found:
        if block not in steps:
            check_syntax(block)
    server, url = started(attune, work)
    try:
        for number, block in enumerate(steps, 1):
            run_step(number, block, url, work)
        end_jobs(url)
        assert (work / "backwards-lora/adapter_model.safetensors").stat().st_size > 100_000
    finally:
        server.terminate()
        server.wait()


main(str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]))
