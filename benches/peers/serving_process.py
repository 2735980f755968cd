"""The processes of serving.py's sides: each on one core with one thread, until this program ends."""

import atexit
import concurrent.futures
import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path

from serving_work import Unavailable

ONE_THREAD = {name: "1" for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"]}
START_SECONDS, ANSWER_SECONDS = 300, 600


class Process:
    """A program on core `core`; what it says goes to the file `log`."""

    def __init__(self, command, core, log, **pipes):
        self.name, self.log = Path(command[0]).name, log
        pinned = ["taskset", "-c", str(core), *map(str, command)]
        environment = {**os.environ, **ONE_THREAD}
        with open(log, "w") as output:
            try:
                self.child = subprocess.Popen(pinned, env=environment, stderr=output, **{"stdout": output, **pipes})
            except FileNotFoundError as error:
                raise Unavailable(f"it cannot be kept on one core: {error}") from error
        atexit.register(self.close)

    def failure(self):
        """Where it ended, how; else None."""
        if self.child.poll() is None:
            return None
        tail = self.log.read_text(errors="replace").strip()[-800:]
        return f"{self.name} ended with {self.child.returncode}: {tail}"

    def cpu_seconds(self):
        """The processor time that all its threads took so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        user, system = 11, 12
        return (int(fields[user]) + int(fields[system])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.child.terminate()
        try:
            self.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Server(Process):
    """An HTTP server on a free port, which stands for PORT in its command."""

    def __init__(self, command, core, log, health):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        super().__init__([str(part).replace("PORT", str(self.port)) for part in command], core, log)
        end = time.monotonic() + START_SECONDS
        while not self.is_ready(health):
            if reason := self.failure():
                raise Unavailable(reason)
            if time.monotonic() > end:
                raise Unavailable(f"{self.name} was not ready in {START_SECONDS} seconds; it says in {log} what it did")
            time.sleep(0.2)

    def is_ready(self, health):
        try:
            return self.request("GET", health)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def request(self, method, path, body=None, media_type="application/json"):
        """The status and the body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body, {"content-type": media_type} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path, body, media_type="application/json"):
        """The JSON that is answered."""
        try:
            status, answer = self.request("POST", path, body, media_type)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(self.failure() or f"{self.name} does not answer {path}: {error!r}") from error
        if status not in (200, 201):
            raise Unavailable(f"{self.name} answers {path} with {status}: {answer.decode(errors='replace')[:400]}")
        return json.loads(answer)

    def post_at_once(self, path, values):
        """The answers to requests that are all sent before any is answered."""
        bodies = [json.dumps(value) for value in values]
        with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
            return list(pool.map(lambda body: self.post(path, body), bodies))
