"""Send a server what no honest client sends, and see that it refuses with a reason, lives and keeps its memory.

    python tests/hostile/hostile.py --attune target/release/attune

Bad JSON, values of the wrong kind and size in every field, bytes that are no HTTP, paths that lead out, bombs among archives, clients that
are slow or break off. Every answer must be below 500 (but 504 for the time that a request itself gives) and, from 400 on, a problem as
the description has it (application/problem+json; OpenAI's envelope below /v1); what is not HTTP may be refused without a word. At the end
the server must answer as before, hold nothing, and have taken no more memory than --grown-mib; the most that it ever had
may be --peak-mib more than at the beginning. Slow clients may not delay others, and are cut off (--cut).
Nothing but the standard library is needed.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "soak"))

import archives  # noqa: E402
import bodies  # noqa: E402
import heads  # noqa: E402
import slow  # noqa: E402
from soak import Server  # noqa: E402
from wire import Target  # noqa: E402

# Jobs only wait; archives may unpack to 16 MiB.
OPTIONS = ["--slots", "adapter=0,generator=0", "--queue", "64", "--adapter-cache-mib", "4", "--kv-cache-mib", "8", "--max-import-mib", "16"]


class Judge:
    def __init__(self, server):
        self.server, self.counts, self.faults, self.slowest = server, Counter(), [], (0.0, "")

    def fault(self, name, why):
        self.faults.append(f"{name}: {why}")
        print(f"FAULT {name}: {why}", file=sys.stderr)

    def judge(self, name, path, ask, may_close=False):
        began = time.monotonic()
        try:
            answer = ask()
        except OSError as error:
            if may_close and isinstance(error, TimeoutError):
                # What it got may go on: a body that is not over is waited for.
                self.counts["waited for more"] += 1
                return None
            return self.fault(name, f"no answer: {error!r}")
        self.slowest = max(self.slowest, (time.monotonic() - began, name))
        if self.server.process.poll() is not None:
            self.fault(name, f"the server has ended with {self.server.process.returncode}")
        if answer is None:
            self.counts["closed"] += 1
            return None if may_close else self.fault(name, "closed without an answer")
        self.counts[answer.status] += 1
        if answer.status >= 500 and answer.status != 504:
            return self.fault(name, answer)
        if answer.status >= 400 and not (may_close and not answer.body):
            self.reasoned(name, path, answer)
        return None

    def reasoned(self, name, path, answer):
        if answer.headers.get("content-length") == "0" or not answer.body:
            # A HEAD, or a head that the HTTP library itself refuses.
            return None if name.startswith("HEAD") or answer.status in (400, 414, 431) else self.fault(name, f"no reason: {answer}")
        kind = "application/json" if path.startswith("/v1/") else "application/problem+json"
        try:
            problem = json.loads(answer.body)
        except ValueError:
            return self.fault(name, f"no JSON: {answer}")
        said = problem.get("error", {}).get("message") if kind == "application/json" else problem.get("detail") and problem.get("status") == answer.status
        if answer.headers.get("content-type") != kind or not said:
            self.fault(name, f"not a problem: {answer}")
        return None


def cases(target):
    """(name, path, what is sent, whether the connection may be closed without an answer)"""
    for name, method, path, body in [*bodies.turned_bad(), *bodies.schemas()]:
        yield name, path, partial(target.ask, method, path, body), False
    for name, data in bodies.no_json():
        for method, path in bodies.GOOD:
            yield f"{method} {path}: {name}", path, partial(target.ask, method, path, data), False
        yield f"lines: {name}", "/tasks", partial(target.ask, "PUT", "/tasks/hostile/examples", data, "application/x-ndjson"), False
    large = b'{"input": "' + b"a" * (80 << 20) + b'"}'
    yield "a body of 80 MiB", "/generate", partial(target.ask, "POST", "/generate", large), True
    yield "lines of 80 MiB", "/tasks", partial(target.ask, "PUT", "/tasks/hostile/examples", large, "application/x-ndjson"), True
    for name, method, path in heads.paths():
        yield name, path, partial(target.ask, method, path), False
    for name, data in heads.headed():
        yield name, "/", partial(target.send, data), len(data) > 10_000
    for name, data in heads.framed():
        yield f"framing: {name}", "/", partial(target.send, data, patience=3), True
    for name, kind, data in [*archives.archives(), *archives.forms()]:
        yield f"import: {name}", "/adapters/import", partial(target.ask, "POST", "/adapters/import", data, kind), len(data) > 16 << 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attune", default="target/release/attune")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--slow-clients", type=int, default=200)
    parser.add_argument("--cut", type=int, default=0, help="give the server this --header-timeout and --body-timeout, in seconds, after which slow clients must have been cut off; 0: they need not be")
    parser.add_argument("--slow-seconds", type=float, default=10)
    parser.add_argument("--grown-mib", type=float, default=150)
    parser.add_argument("--peak-mib", type=float, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        cut = ["--header-timeout", str(options.cut), "--body-timeout", str(options.cut)] if options.cut else []
        server = Server(options.attune, directory, OPTIONS + cut)
        try:
            sys.exit(watch(server, options))
        finally:
            server.process.terminate()
            server.process.wait()


def watch(server, options):
    judge, target = Judge(server), Target(server.port)
    for _ in range(50):
        before_text = json.loads(server.request("POST", "/generate", {"input": "stone", "task": "Write the word backwards.", "merge": "never"})[1])["text"]
    before = server.resident()
    began = time.monotonic()
    with ThreadPoolExecutor(options.clients) as pool:
        for _ in pool.map(lambda case: judge.judge(*case), cases(target)):
            pass
    report = {"requests": sum(judge.counts.values()), "statuses": {str(k): v for k, v in sorted(judge.counts.items(), key=str)}}
    report |= {"seconds": round(time.monotonic() - began, 1), "slowest": [round(judge.slowest[0], 2), judge.slowest[1]]}
    slow.gone(target, 400)
    seconds = max(options.slow_seconds, options.cut + 3)
    for name, kind in (("headers", slow.headers), ("bodies", slow.bodies)):
        held, slowest = kind(target, options.slow_clients, seconds)
        report[f"slow_{name}"] = {"clients": options.slow_clients, "seconds": seconds, "still_held": held, "slowest_answer_to_others": round(slowest, 2)}
        if options.cut and held:
            judge.fault(f"slow {name}", f"{held} were not cut off in {options.cut} seconds")
    time.sleep(2)
    after_text = json.loads(server.request("POST", "/generate", {"input": "stone", "task": "Write the word backwards.", "merge": "never"})[1])["text"]
    if after_text != before_text:
        judge.fault("the end", f"{after_text!r} instead of {before_text!r}")
    engine = server.info()
    held = {"queued": engine["queued"], "running": engine["running"], "leased": engine["adapters"]["leased"], "blocks": engine["kv_cache"]["used"]}
    if any(held.values()):
        judge.fault("the end", f"held: {held}")
    after, peak = server.resident(), most(server)
    report["resident_mib"] = {"before": round(before, 1), "after": round(after, 1), "peak": round(peak, 1)}
    if after - before > options.grown_mib or peak - before > options.peak_mib:
        judge.fault("the end", f"memory: {report['resident_mib']}")
    print(json.dumps(report | {"faults": judge.faults}, indent=2))
    return 1 if judge.faults else 0


def most(server):
    """MiB"""
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
