"""Load a server beyond what it can do, with clients that do not read, and stop it in the middle.

    python tests/load/load.py --attune target/release/attune --minutes 5

1. The rate that it sustains: `attune bench`, closed loop.
2. Four times that rate, open loop, for --minutes: nothing but answers and 429 with Retry-After; what is accepted is finished within three
   times what the queue in front of it takes; resident memory does not grow; afterwards an answer comes within seconds.
3. 500 streams of a job's events in which nothing happens, and 50 streams of completions that nobody reads: others are answered as before.
4. SIGTERM under load: every request that was sent before has its whole answer, and the process ends by itself with status 0.

Prints the figures as JSON and ends with 1 where one of this does not hold. Nothing but the standard library is needed.
"""

import argparse
import contextlib
import http.client
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "soak"))

from soak import Server  # noqa: E402

ROWS = 16
# Jobs only wait, so that their streams tell nothing.
OPTIONS = ["--slots", "adapter=0,generator=0", "--max-rows", str(ROWS), "--drain-timeout", "60"]
BODY = {"input": "stone", "max_tokens": 24, "ignore_eos": True, "merge": "never", "cache_prompt": False}


class Load:
    def __init__(self, server, options):
        self.server, self.options, self.faults = server, options, []

    def hold(self, holds, what):
        if not holds:
            self.faults.append(what)
            print(f"FAULT {what}", file=sys.stderr)

    def bench(self, *arguments):
        command = [self.options.attune, "bench", "--url", f"http://127.0.0.1:{self.server.port}", "--json", "-", "--adapters", "4", "--modes", "unmerged"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"attune bench: {done.stderr[-2000:]}")
        return json.loads(done.stdout)["runs"][0]

    def one(self):
        """Seconds that a request takes, again and again until it is accepted."""
        began = time.monotonic()
        while True:
            status, content = self.server.request("POST", "/generate", BODY)
            if status == 200:
                return time.monotonic() - began
            self.hold(status in (429, 503), f"a request after the load: {status} {content[:200]!r}")
            time.sleep(0.1)

    def sustained(self):
        run = self.bench("--loop", "closed", "--concurrency", str(ROWS), "--duration", str(self.options.seconds))
        self.hold(not run["requests"]["failed"] and not run["requests"]["busy"], f"closed loop: {run['requests']}")
        self.rate = run["requests_per_s"]
        return {"requests_per_s": round(self.rate, 1), "end_to_end_ms": rounded(run["end_to_end_ms"])}

    def overload(self):
        seconds, samples, over = self.options.minutes * 60, [], threading.Event()

        def sample():
            while not over.wait(max(seconds / 60, 0.5)):
                samples.append(self.server.resident())

        watching = threading.Thread(target=sample)
        watching.start()
        run = self.bench("--loop", "open", "--rate", f"{self.options.factor * self.rate:.2f}", "--duration", f"{seconds:.0f}")
        over.set()
        watching.join()
        recovery = self.one()
        requests, p99 = run["requests"], run["end_to_end_ms"]["p99"]
        # Who is accepted last waits for all in the queue and in the batch.
        bound = 3000 * (self.options.queue + 2 * ROWS) / self.rate
        third = samples[len(samples) // 3]
        self.hold(not requests["failed"], f"overload: {requests} {run['failures']}")
        # What neither the time nor the queue has room for; a busy machine's rate swings.
        beyond = requests["ended"] - 1.5 * self.rate * run["wall_s"] - self.options.queue - ROWS
        self.hold(requests["busy"] >= beyond, f"overload: too few 429 for {self.options.factor} times the rate: {requests}")
        self.hold(p99 < bound, f"overload: p99 {p99:.0f} ms, bound {bound:.0f} ms")
        self.hold(samples[-1] < 1.1 * third + 20, f"overload: memory grew from {third:.0f} to {samples[-1]:.0f} MiB")
        self.hold(recovery < 5 + self.options.queue / self.rate, f"overload: the next answer took {recovery:.1f} s")
        return {
            "seconds": round(run["wall_s"], 1),
            "offered_per_s": round(self.options.factor * self.rate, 1),
            "completed_per_s": round(run["requests_per_s"], 1),
            "requests": requests,
            "retry_after_s": run["busy"]["retry_after_s"],
            "end_to_end_ms": rounded(run["end_to_end_ms"]),
            "p99_bound_ms": round(bound),
            "resident_mib": {"after_a_third": round(third, 1), "at_the_end": round(samples[-1], 1), "largest": round(max(samples), 1)},
            "next_answer_s": round(recovery, 2),
        }

    def idle_and_slow(self):
        alone = [self.one() for _ in range(10)]
        before = self.server.resident()
        # So many tokens that all of them take half a minute, as far as the context goes.
        tokens = round(min(max(30 * 24 * self.rate / 50, 8), 500))
        self.server.request("PUT", "/tasks/load", {"descriptions": ["Repeat it."]})
        self.server.request("PUT", "/tasks/load/examples", b'{"input": "a", "output": "a"}', "application/x-ndjson")
        job = json.loads(self.server.request("POST", "/jobs/train", {"kind": "adapter", "task": "load"})[1])["id"]
        with contextlib.ExitStack() as stack:
            idle = [stack.enter_context(self.unread("GET", f"/jobs/{job}/events")) for _ in range(self.options.idle)]
            time.sleep(1)
            with_idle = self.server.resident()
            slow = [stack.enter_context(self.unread("POST", "/generate", BODY | {"stream": True, "max_tokens": tokens})) for _ in range(50)]
            during = [self.one() for _ in range(10)]
            # All rows are free again though nobody read: what is written waits in the connections.
            until = time.monotonic() + 150
            while (engine := self.server.info())["running"] + engine["queued"] and time.monotonic() < until:
                time.sleep(0.2)
            self.hold(not engine["running"] + engine["queued"], "streams that nobody reads hold their rows")
            beside = [self.one() for _ in range(10)]
            held = sum(is_open(connection) for connection in idle)
            resident = self.server.resident()
        self.hold(held == len(idle), f"only {held} of {len(idle)} idle streams are left")
        self.hold(median(beside) < 3 * median(alone) + 0.5, f"beside idle streams an answer takes {median(beside):.2f} s instead of {median(alone):.2f}")
        self.hold(resident - before < 200, f"idle and slow streams take {resident - before:.0f} MiB")
        return {
            "idle": len(idle), "slow": len(slow), "idle_mib": round(with_idle - before, 1), "slow_mib": round(resident - with_idle, 1),
            "answer_s": {"alone": round(median(alone), 3), "beside_slow_ones_that_run": round(median(during), 3), "beside_idle_ones": round(median(beside), 3)},
        }  # fmt: skip

    def unread(self, method, path, body=None):
        """A request whose answer nobody reads, with as little room for it as the system gives."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", self.server.port))
        content = json.dumps(body).encode() if body else b""
        head = f"{method} {path} HTTP/1.1\r\nhost: a\r\n" + (f"content-type: application/json\r\ncontent-length: {len(content)}\r\n" if body else "")
        connection.sendall(head.encode() + b"\r\n" + content)
        return contextlib.closing(connection)

    def stopped(self):
        outcomes, lock, stop = Counter(), threading.Lock(), threading.Event()
        told = [float("inf")]

        def client(stream):
            while not stop.is_set():
                began = time.monotonic()
                outcome = ask(self.server.port, BODY | {"stream": stream, "max_tokens": 60})
                # What was under way when the signal came, and what was sent a moment after it, to a listener that may be gone.
                late = began > told[0] - 0.02
                with lock:
                    outcomes[("after" if late else "before", outcome)] += 1
                if late:
                    return

        clients = [threading.Thread(target=client, args=(index % 2 == 0,), daemon=True) for index in range(24)]
        for each in clients:
            each.start()
        time.sleep(min(3, self.options.seconds))
        told[0] = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        try:
            status = self.server.process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            status = "none"
        took = time.monotonic() - told[0]
        stop.set()
        for each in clients:
            each.join(timeout=60)
        before = {outcome: count for (when, outcome), count in outcomes.items() if when == "before"}
        lost = {outcome: count for outcome, count in before.items() if outcome not in ("answered", "429", "503")}
        self.hold(status == 0, f"SIGTERM: the process ended with {status}")
        self.hold(not lost, f"SIGTERM: lost {lost}")
        self.hold(before.get("answered"), "SIGTERM: nothing was answered at all")
        return {"status": status, "seconds": round(took, 2), "sent_before": before, "sent_after": {o: c for (w, o), c in outcomes.items() if w == "after"}}


def ask(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/generate", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    if answer.status != 200:
        return str(answer.status)
    whole = b"event: done" in content if body["stream"] else "text" in json.loads(content)
    return "answered" if whole else f"broken off {content[-80:]!r}"


def is_open(connection):
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def median(values):
    return sorted(values)[len(values) // 2]


def rounded(quantiles):
    return {name: round(quantiles[name]) for name in ("p50", "p95", "p99", "max")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attune", default="target/release/attune")
    parser.add_argument("--minutes", type=float, default=5, help="of overload")
    parser.add_argument("--seconds", type=float, default=10, help="of measuring the rate")
    parser.add_argument("--factor", type=float, default=4)
    parser.add_argument("--queue", type=int, default=64, help="of the server")
    parser.add_argument("--idle", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server = Server(options.attune, directory, [*OPTIONS, "--queue", str(options.queue)])
        try:
            load = Load(server, options)
            report = {phase.__name__: phase() for phase in (load.sustained, load.overload, load.idle_and_slow, load.stopped)}
        finally:
            server.process.kill()
            server.process.wait()
    print(json.dumps(report | {"faults": load.faults}, indent=2))
    sys.exit(1 if load.faults else 0)


if __name__ == "__main__":
    main()
