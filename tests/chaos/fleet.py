"""Servers and workers over one database, and requests to whichever server answers."""

import hashlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time


class Away(Exception):
    """No server answered in time."""


class Process:
    """One `attune`, which may be killed and started again in its own data directory."""

    def __init__(self, role, command, environment, log):
        self.role, self.command, self.environment, self.log = role, command, environment, log
        self.process = None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def await_line(self, pattern, seconds=120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if re.search(pattern, self.log.read_text(errors="replace")):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"{self.command} did not start:\n{self.log.read_text(errors='replace')}")


class Server(Process):
    def __init__(self, port, *process):
        self.port = port
        super().__init__("server", *process)

    def request(self, method, path, body=None, headers=None):
        """Status and content. OSError and HTTPException say that the server is away."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def has_adapter(self, adapter):
        status, record = self.request("GET", f"/adapters/{adapter}")
        if status != 200:
            return False
        status, weights = self.request("GET", f"/adapters/{adapter}/adapter_model.safetensors")
        return status == 200 and hashlib.sha256(weights).hexdigest() == json.loads(record)["digest"]


class Fleet:
    """Servers that only queue, and workers."""

    def __init__(self, attune, url, places, counts):
        directory, logs = places
        home = directory / f"fleet-{time.monotonic_ns()}"
        artifacts = home / "artifacts"
        artifacts.mkdir(parents=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTUNE_")}
        environment |= {"ATTUNE_DATABASE_URL": url, "ATTUNE_ARTIFACTS": f"file://{artifacts}", "ATTUNE_OFFLINE": "true"}
        self.servers, self.workers = [], []
        for index in range(counts[0]):
            port = free_port()
            command = [attune, "serve", "--listen", f"127.0.0.1:{port}", "--slots", "adapter=0,generator=0", "--threads", "1", "--merge-mib", "0"]
            command += ["--data-dir", home / f"server-{index}"]
            self.servers.append(Server(port, command, environment, logs / f"{home.name}-server-{index}.log"))
        for index in range(counts[1]):
            command = [attune, "worker", "--train-threads", "1", "--data-dir", home / f"worker-{index}"]
            self.workers.append(Process("worker", command, environment, logs / f"{home.name}-worker-{index}.log"))

    def __enter__(self):
        try:
            for server in self.servers:
                server.await_line(r" is ready on ")
            for worker in self.workers:
                worker.await_line(r" works jobs off as ")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.servers + self.workers:
            process.stop()

    def await_servers(self):
        """Until every one answers, also the one that was started last."""
        for server in self.servers:
            until = time.monotonic() + 120
            while True:
                try:
                    if server.request("GET", "/health/ready")[0] == 200:
                        break
                except (OSError, http.client.HTTPException):
                    pass
                if time.monotonic() > until:
                    raise Away(f"port {server.port} did not come back")
                time.sleep(0.2)

    def ask(self, method, path, body=None, headers=None, kind="application/json", patience=120):
        """The answer of any server. Whoever is away, busy or draining is passed over."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = dict(headers or {}) | ({"content-type": kind} if data is not None else {})
        until, last = time.monotonic() + patience, "nobody"
        while time.monotonic() < until:
            try:
                status, content = random.choice(self.servers).request(method, path, data, headers)
            except (OSError, http.client.HTTPException) as error:
                last = repr(error)
            else:
                if status < 300:
                    return json.loads(content) if content else None
                if status not in (429, 500, 502, 503, 504):
                    raise SystemExit(f"{method} {path}: {status} {content[:500]!r}")
                last = f"{status} {content[:200]!r}"
            time.sleep(0.1)
        raise Away(f"{method} {path}: {last}")

    def follow(self, job, events, over):
        """Adds (number, kind, data) of each event of the job, from server to server, until it has ended."""
        while not over.is_set():
            server = random.choice(self.servers)
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            try:
                headers = {"last-event-id": str(events[-1][0])} if events else {}
                connection.request("GET", f"/jobs/{job}/events", headers=headers)
                answer = connection.getresponse()
                if answer.status == 204:
                    return
                if answer.status == 200:
                    read_events(answer, events)
                    if events and events[-1][1] == "state" and events[-1][2]["state"] in ("succeeded", "failed", "cancelled"):
                        return
            except (OSError, http.client.HTTPException, ValueError):
                pass
            finally:
                connection.close()
            time.sleep(0.1)


def read_events(answer, events):
    """Server-sent events until the connection ends; one that was not ended by an empty line is dropped."""
    fields = {}
    for line in answer:
        line = line.decode().rstrip("\r\n")
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "id" in fields:
                events.append((int(fields["id"]), fields.get("event", ""), json.loads(fields["data"])))
            fields = {}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
