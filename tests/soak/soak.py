"""Let random clients load a server for some minutes, and see that nothing is lost, stuck or grows.

    python tests/soak/soak.py --attune target/release/attune --minutes 20

Starts `attune serve` on the demo model and a free port. Clients come at random: whole answers and streams, with and without
adapters, by description and by id, prompts that begin alike, forms of JSON, OpenAI's routes; some hang up in the middle, some have no time. Others
make adapters, import them and delete them, also while they are used. Every few seconds the resident memory and what
the server says of itself are noted. At the end everything must have been answered or refused with a reason, no lease, row or
block may be held. Three times, after each third, the clients rest while a single one goes on: the memory at the last rest may not
be above that at the first by more than 5 % (under load it swings with what the threads' allocators keep).
Nothing but the standard library is needed.
"""

import argparse
import http.client
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

TASKS = ["Write the word backwards.", "Repeat the word.", "Write the first letter.", "Write it in capitals.", "Put a dot behind it."]
WORDS = "house river stone apple garden window bread winter paper silver".split()


SMALL = ["--queue", "64", "--adapter-cache-mib", "4", "--kv-cache-mib", "8"]


class Server:
    def __init__(self, attune, directory, options=SMALL):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = open(f"{directory}/server.log", "wb")
        command = [attune, "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", f"{directory}/data", *options]
        self.process = subprocess.Popen(command, stderr=self.log)
        for _ in range(600):
            try:
                if self.request("GET", "/health/ready")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        sys.exit("the server did not become ready")

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def request(self, method, path, body=None, kind="application/json"):
        connection = self.connection()
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        connection.request(method, path, data, {"content-type": kind} if data else {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def info(self):
        return json.loads(self.request("GET", "/info")[1])["engine"]

    def resident(self):
        """MiB"""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


class Soak:
    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.outcomes, self.lock, self.over = Counter(), threading.Lock(), threading.Event()
        self.resting = threading.Event()
        self.ids = []

    def count(self, what):
        with self.lock:
            self.outcomes[what] += 1

    def client(self, index):
        rng = random.Random(self.seed * 1000 + index)
        doings = [self.complete] * 6 + [self.stream] * 4 + [self.hang_up] * 2 + [self.hurry, self.openai, self.make, self.take_in, self.delete]
        while not self.over.is_set():
            if self.resting.is_set():
                time.sleep(0.1)
                continue
            try:
                rng.choice(doings)(rng)
            except Exception as error:  # noqa: BLE001
                self.count(f"LOST {type(error).__name__}: {error}")
            time.sleep(rng.expovariate(20))

    def rest(self):
        """MiB that the server takes when little is asked of it."""
        self.resting.set()
        # Threads that are not needed end after ten seconds, and what their allocators kept goes with the next requests.
        time.sleep(12)
        for _ in range(2000):
            self.server.request("POST", "/generate", {"input": "house", "max_tokens": 2})
        resident = self.server.resident()
        self.resting.clear()
        return resident

    def body(self, rng):
        body = {"input": rng.choice(WORDS), "max_tokens": rng.randint(1, 40), "merge": rng.choice(["auto", "auto", "never", "always"])}
        if rng.random() < 0.3:
            body = {"prompt": "A long beginning that many share, as system prompts do. " * rng.randint(1, 4) + rng.choice(WORDS), "max_tokens": 8}
        choice = rng.random()
        if choice < 0.4:
            body["task"] = rng.choice(TASKS)
        elif choice < 0.7 and self.ids:
            body["adapter"] = rng.choice(self.ids)
        if rng.random() < 0.3:
            body |= {"temperature": 1.0, "seed": rng.randint(0, 9), "top_p": 0.9}
        if rng.random() < 0.1:
            body |= {"response_format": {"type": "json_object"}}
        return body

    def answered(self, kind, status, content):
        if status == 200 and content:
            self.count(f"{kind} answered")
        elif status in (404, 409, 429, 503, 504):
            self.count(f"{kind} refused with {status}")
        else:
            self.count(f"LOST {kind} {status} {content[:200]!r}")

    def complete(self, rng):
        self.answered("completion", *self.server.request("POST", "/generate", self.body(rng)))

    def stream(self, rng):
        status, content = self.server.request("POST", "/generate", self.body(rng) | {"stream": True})
        if status == 200 and b"event: done" not in content and b"event: error" not in content:
            return self.count("LOST stream without an end")
        self.answered("stream", status, content)

    def hang_up(self, rng):
        connection = self.server.connection()
        connection.request("POST", "/generate", json.dumps(self.body(rng) | {"stream": True, "ignore_eos": True}), {"content-type": "application/json"})
        if rng.random() < 0.7:
            connection.getresponse().read(rng.randint(1, 60))
        connection.close()
        self.count("hung up")

    def hurry(self, rng):
        self.answered("hurried", *self.server.request("POST", "/generate", self.body(rng) | {"timeout_ms": rng.randint(1, 20)}))

    def openai(self, rng):
        body = {"model": "attune-demo", "messages": [{"role": "user", "content": rng.choice(WORDS)}], "max_tokens": 12, "n": rng.randint(1, 3)}
        self.answered("chat", *self.server.request("POST", "/v1/chat/completions", body))

    def make(self, rng):
        task = f"{rng.choice(TASKS)} Number {rng.randint(0, 300)}."
        status, content = self.server.request("POST", "/adapters", {"task": task})
        if status in (200, 201):
            with self.lock:
                self.ids = (self.ids + [json.loads(content)["id"]])[-40:]
            return self.count(f"adapter {status}")
        self.answered("adapter", status, content)

    def take_in(self, rng):
        if not self.ids:
            return
        path = f"/adapters/{rng.choice(self.ids)}"
        files = [(name, *self.server.request("GET", f"{path}/{name}")) for name in ("adapter_config.json", "adapter_model.safetensors")]
        if any(status != 200 for _, status, _ in files):
            return self.count("import of what was deleted")
        form = b""
        for name, _, content in files:
            part = name.split(".")[0]
            form += f'--edge\r\ncontent-disposition: form-data; name="{part}"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        status, content = self.server.request("POST", "/adapters/import", form + b"--edge--\r\n", "multipart/form-data; boundary=edge")
        self.answered("import", 200 if status == 201 else status, content)

    def delete(self, rng):
        if len(self.ids) < 10:
            return
        status, content = self.server.request("DELETE", f"/adapters/{rng.choice(self.ids)}")
        self.answered("delete", 200 if status == 204 else status, content or b"gone")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attune", default="target/release/attune")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server = Server(options.attune, directory)
        try:
            sys.exit(watch(server, options))
        finally:
            server.process.terminate()
            server.process.wait()


def watch(server, options):
    soak = Soak(server, options.seed)
    clients = [threading.Thread(target=soak.client, args=(index,), daemon=True) for index in range(options.clients)]
    for client in clients:
        client.start()
    samples, rests, began = [], [], time.monotonic()
    while (elapsed := time.monotonic() - began) < options.minutes * 60:
        time.sleep(min(5, options.minutes * 6))
        samples.append(server.resident())
        if elapsed > options.minutes * 20 * (len(rests) + 1) and len(rests) < 2:
            rests.append(soak.rest())
        if len(samples) % 6 == 0:
            engine = server.info()
            print(f"{elapsed:6.0f} s  {samples[-1]:6.1f} MiB  {sum(soak.outcomes.values())} requests  {engine['adapters']}  {engine['kv_cache']}", file=sys.stderr)
    soak.over.set()
    for client in clients:
        client.join(timeout=130)
    stuck = sum(client.is_alive() for client in clients)
    time.sleep(1)
    engine = server.info()
    rests.append(soak.rest())
    lost = {what: count for what, count in soak.outcomes.items() if what.startswith("LOST")}
    held = {"queued": engine["queued"], "running": engine["running"], "leased": engine["adapters"]["leased"], "blocks": engine["kv_cache"]["used"]}
    report = {"requests": sum(soak.outcomes.values()), "outcomes": dict(sorted(soak.outcomes.items())), "stuck_clients": stuck, "held_at_the_end": held}
    report |= {"resident_mib": {"at_rest": [round(rest, 1) for rest in rests], "largest": round(max(samples), 1)}, "engine": engine}
    print(json.dumps(report, indent=2))
    # In the first minutes caches fill.
    grew = options.minutes >= 10 and rests[-1] > 1.05 * rests[0]
    faults = bool(lost) + bool(stuck) + any(held.values()) + grew
    print("FAILED" if faults else "passed", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    main()
