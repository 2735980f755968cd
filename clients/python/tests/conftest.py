"""Servers with the demo model, each over a directory of its own: the binary that ATTUNE_BIN names."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attune_client import Attune

BINARY = os.environ.get("ATTUNE_BIN", "attune")


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """The address of a server over this directory."""
    log = directory / "log"
    command = [BINARY, "serve", "--offline", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data")]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as server:
        try:
            deadline = time.monotonic() + 60
            while not (ready := re.search(r" is ready on (http://\S+) ", log.read_text())):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield ready.group(1)
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def attune(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attune]:
    with running(tmp_path_factory.mktemp("open")) as url, Attune(url) as client:
        yield client


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server that asks for keys, and a key with the scope `read`."""
    directory = tmp_path_factory.mktemp("locked")
    create = [BINARY, "key", "create", "--name", "test", "--scopes", "read", "--data-dir", str(directory / "data")]
    output = subprocess.run(create, check=True, capture_output=True, text=True).stdout
    secret = re.search(r"attune_\w+", output)
    assert secret, output
    with running(directory) as url:
        yield url, secret.group()
