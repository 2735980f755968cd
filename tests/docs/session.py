"""A shell, or a Python, that runs one block after the other and remembers what they set."""

import os
import signal
import subprocess
import threading
from pathlib import Path


class Skipped(Exception):
    """Something that the session needs cannot be had here."""


class Session:
    """Its command reads names of files, runs each, with what it prints in NAME.out and NAME.err, and then prints a line; it ends where one fails."""

    def __init__(self, command, environment, blocks: Path, place=None):
        self.blocks, self.count = blocks, 0
        blocks.mkdir(exist_ok=True)
        self.process = subprocess.Popen(command, env=environment, text=True, start_new_session=True, cwd=place,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.facts = self.hello()

    def hello(self):
        """What the session says of itself when it is there."""
        line = last = "nothing"
        while line and not line.startswith("ready"):
            last, line = line, self.process.stdout.readline()
        if not line:
            if self.process.wait() == 77:
                raise Skipped(last.strip().removeprefix("SKIPPED: "))
            raise AssertionError(f"the session did not start: {last}")
        return line.split()[1:]

    def run(self, text, seconds=1200):
        """What the block prints. Fails with it where the block does."""
        self.count += 1
        script = self.blocks / f"{self.process.pid}-{self.count}"
        script.write_text(text)
        timer = threading.Timer(seconds, os.killpg, (self.process.pid, signal.SIGTERM))
        timer.start()
        try:
            self.process.stdin.write(f"{script}\n")
            self.process.stdin.flush()
            done = self.process.stdout.readline()
        finally:
            timer.cancel()
        output, errors = (Path(f"{script}.{end}").read_text() if Path(f"{script}.{end}").exists() else "" for end in ("out", "err"))
        assert done, f"{text}\nfailed, or took more than {seconds} seconds:\n{output}\n{errors}"
        return output

    def close(self):
        """Ends it, and the servers that it started."""
        self.process.stdin.close()
        self.process.wait(120)
