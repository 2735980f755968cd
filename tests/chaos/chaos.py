"""Kill servers and workers at random while they work a queue off, and see that every job is done once and every event is told once.

    python tests/chaos/chaos.py --attune target/release/attune --jobs 200 --seconds 300
    python tests/chaos/chaos.py --attune target/release/attune --scaling --jobs 40

Three `attune serve` (which only queue) and three `attune worker` share one PostgreSQL and one directory of artifacts on
this machine. Jobs are submitted to any server that answers, each under an idempotency key; some readers follow the events of
a job from server to server. Every few seconds one of the six processes is killed with SIGKILL and started again. Afterwards:

- every job has succeeded, its last event says so, and no other event tells of an end;
- every job's events are numbered 1, 2, 3, … without gaps, and a reader that was cut off got the same ones, each once;
- no stale write: attempts only grow, each ends once, and within an attempt no step is reported behind a later one;
- every trained adapter can be downloaded from every server, with the bytes that its digest names.

With --scaling nothing is killed: the same number of jobs is worked off by one worker, then by two, one training thread each.

The database is the one that ATTUNE_TEST_POSTGRES_URL names; without it .ci/with_postgres.sh starts one. The exit status is 77 where
there is none to be had. Figures go to standard output as JSON, and as text to standard error. Nothing but the standard library is
needed.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from fleet import Away, Fleet

HERE = Path(__file__).resolve().parent
TASK = "chaos"
WORDS = "house river stone apple garden window bread winter paper silver cloud lamp horse chair bird tree".split()
URL = "ATTUNE_TEST_POSTGRES_URL"
STARTER = HERE.parents[1] / ".ci" / "with_postgres.sh"
ENDS = ("succeeded", "failed", "cancelled")
READERS = 16


class Run:
    """Jobs on their way through a fleet."""

    def __init__(self, fleet, options):
        self.fleet, self.options = fleet, options
        self.rng = random.Random(options.seed)
        self.ids, self.faults, self.kills = [], [], Counter()
        self.finished_at, self.over = {}, threading.Event()
        self.followed, self.lock = {}, threading.Lock()

    def register(self):
        self.fleet.ask("PUT", f"/tasks/{TASK}", {"descriptions": ["Put an exclamation mark behind the word."]})
        lines = "\n".join(json.dumps({"input": word, "output": word + "!"}) for word in WORDS)
        self.fleet.ask("PUT", f"/tasks/{TASK}/examples", lines.encode(), kind="application/x-ndjson")

    def submit(self):
        """Each job once, however often it is asked for; a full queue is asked again."""
        # Keys of another run over the same database are others.
        run = f"{os.getpid()}-{time.time_ns()}"
        for number in range(self.options.jobs):
            body = {"kind": "adapter", "task": TASK, "seed": number, "steps": self.options.steps, "priority": number % 3}
            job = self.fleet.ask("POST", "/jobs/train", body, {"idempotency-key": f"{run}-{number}"}, patience=600)
            with self.lock:
                self.ids.append(job["id"])
            if len(self.followed) < READERS and self.rng.random() < 2 * READERS / self.options.jobs:
                self.follow(job["id"])

    def follow(self, job):
        events = self.followed[job] = []
        thread = threading.Thread(target=self.fleet.follow, args=(job, events, self.over), daemon=True)
        thread.start()

    def watch(self):
        """Notes when each job ends, until all have."""
        while not self.over.is_set():
            with self.lock:
                open_jobs = [job for job in self.ids if job not in self.finished_at]
            for job in open_jobs[:20]:
                try:
                    if self.fleet.ask("GET", f"/jobs/{job}", patience=20)["state"] in ENDS:
                        self.finished_at[job] = time.monotonic()
                except Away:
                    break
            time.sleep(0.3)

    def kill_some(self, until):
        while time.monotonic() < until and not self.over.is_set():
            time.sleep(self.rng.uniform(*self.options.every))
            process = self.rng.choice(self.fleet.servers + self.fleet.workers)
            process.kill()
            self.kills[process.role] += 1
            time.sleep(self.rng.uniform(0.2, 2))
            process.start()

    def wait(self, until):
        while time.monotonic() < until:
            if len(self.ids) == self.options.jobs == len(self.finished_at):
                return
            time.sleep(0.2)
        self.faults.append(f"{self.options.jobs - len(self.finished_at)} jobs had not ended in time")

    def check(self):
        self.fleet.await_servers()
        attempts = []
        for job in self.ids:
            record = self.fleet.ask("GET", f"/jobs/{job}", patience=60)
            attempts.append(record["attempt"])
            if record["state"] != "succeeded":
                self.faults.append(f"job {job} is {record['state']}: {record['error']}")
                continue
            events = []
            self.fleet.follow(job, events, threading.Event())
            self.faults += [f"job {job}: {fault}" for fault in faults_of(events, record)]
            if job in self.followed and self.followed[job] != events:
                self.faults.append(f"job {job}: a reader that was cut off got {len(self.followed[job])} of {len(events)} events, or others")
        self.check_adapters()
        return attempts

    def check_adapters(self):
        for index, job in enumerate(self.ids):
            result = self.fleet.ask("GET", f"/jobs/{job}", patience=60)["result"] or {}
            if "adapter" not in result:
                continue
            server = self.fleet.servers[index % len(self.fleet.servers)]
            if not server.has_adapter(result["adapter"]):
                self.faults.append(f"job {job}: server {index % len(self.fleet.servers)} cannot give its adapter's bytes")


def faults_of(events, record):
    """What is wrong with a job's events, given its record."""
    numbers = [number for number, _, _ in events]
    if numbers != list(range(1, len(events) + 1)):
        yield f"its events are numbered {numbers}"
    states = [(data["state"], data["attempt"]) for _, kind, data in events if kind == "state"]
    ends = [state for state, _ in states if state in ENDS]
    if ends != ["succeeded"] or events[-1][1] != "state" or events[-1][2]["state"] != "succeeded":
        yield f"its ends are {ends}, the last event is {events[-1]}"
    if states[-1][1] != record["attempt"]:
        yield f"attempt {states[-1][1]} ended it, the record says {record['attempt']}"
    running = [attempt for state, attempt in states if state == "running"]
    if running != list(range(1, len(running) + 1)):
        yield f"its attempts were {running}"
    reached = {}
    for number, kind, data in events:
        if kind == "state" and data["state"] == "running":
            reached = {}
        elif kind == "progress":
            if data["step"] < reached.get(data["phase"], 0):
                yield f"event {number} reports step {data['step']} behind step {reached[data['phase']]} of the same attempt"
            reached[data["phase"]] = data["step"]


def chaos(fleet, options):
    run = Run(fleet, options)
    run.register()
    began = time.monotonic()
    threads = [threading.Thread(target=work, daemon=True) for work in (run.submit, run.watch)]
    for thread in threads:
        thread.start()
    run.kill_some(began + options.seconds)
    # A lost lease runs out after 30 seconds, whatever the jobs take.
    run.wait(time.monotonic() + 120 + options.jobs * options.patience)
    ended = max(run.finished_at.values(), default=time.monotonic())
    run.over.set()
    attempts = run.check()
    ends = sorted([began, *run.finished_at.values()])
    figures = {
        "jobs": options.jobs,
        "steps": options.steps,
        "seconds": round(ended - began, 1),
        "jobs_per_minute": round(60 * len(run.finished_at) / (ended - began), 1),
        "kills": dict(run.kills),
        "attempts_mean": round(sum(attempts) / max(len(attempts), 1), 2),
        "jobs_by_attempts": {str(count): number for count, number in sorted(Counter(attempts).items())},
        "longest_pause_seconds": round(max((b - a for a, b in zip(ends, ends[1:])), default=0), 1),
        "readers": len(run.followed),
        "faults": run.faults,
    }
    return figures, run.faults


def quiet(make_fleet, options):
    """So many workers work the jobs off, and nothing is killed."""
    with make_fleet(1, options.workers) as fleet:
        run = Run(fleet, options)
        run.register()
        began = time.monotonic()
        threads = [threading.Thread(target=work, daemon=True) for work in (run.submit, run.watch)]
        for thread in threads:
            thread.start()
        run.wait(began + 120 + options.jobs * options.patience)
        took = max(run.finished_at.values(), default=time.monotonic()) - began
        run.over.set()
        figures = {"jobs": options.jobs, "workers": options.workers, "jobs_per_minute": round(60 * len(run.finished_at) / took, 1)}
        return figures | {"faults": run.faults}, run.faults


def scaling(options):
    """One worker, then two, each over a database of its own."""
    figures, faults = {"jobs": options.jobs, "steps": options.steps}, []
    environment = {name: value for name, value in os.environ.items() if name != URL}
    for workers in (1, 2):
        own = [sys.executable, str(HERE / "chaos.py"), "--attune", str(Path(options.attune).resolve()), "--workers", str(workers),
               "--jobs", str(options.jobs), "--steps", str(options.steps)]
        ran = subprocess.run(["bash", str(STARTER), *own], env=environment, stdout=subprocess.PIPE, text=True)
        if ran.returncode == 77:
            sys.exit(77)
        found = json.loads(ran.stdout[ran.stdout.index("{"):])
        figures[f"jobs_per_minute_{workers}"] = found["jobs_per_minute"]
        faults += found["faults"]
    figures["speedup"] = round(figures["jobs_per_minute_2"] / max(figures["jobs_per_minute_1"], 0.1), 2)
    return figures | {"faults": faults}, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attune", default="target/release/attune")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=50, help="of each job")
    parser.add_argument("--seconds", type=float, default=300, help="in which processes are killed")
    parser.add_argument("--every", type=float, nargs=2, default=(2, 5), metavar=("FROM", "TO"), help="seconds between two kills")
    parser.add_argument("--patience", type=float, default=15, help="seconds that a job may take before all is given up")
    parser.add_argument("--scaling", action="store_true", help="measure one worker against two instead")
    parser.add_argument("--workers", type=int, metavar="N", help="kill nothing, and have N workers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep-logs", metavar="DIR", help="where the processes' logs go")
    options = parser.parse_args()
    url = os.environ.get(URL)
    if not url and not options.scaling:
        os.execvp("bash", ["bash", str(STARTER), sys.executable, str(HERE / "chaos.py"), *absolute(sys.argv[1:], options)])
    with tempfile.TemporaryDirectory() as directory:
        logs = Path(options.keep_logs or directory)
        logs.mkdir(parents=True, exist_ok=True)

        def make_fleet(servers, workers):
            return Fleet(Path(options.attune).resolve(), url, (Path(directory), logs), (servers, workers))

        if options.scaling:
            figures, faults = scaling(options)
        elif options.workers:
            figures, faults = quiet(make_fleet, options)
        else:
            with make_fleet(3, 3) as fleet:
                figures, faults = chaos(fleet, options)
    print(json.dumps(figures, indent=2))
    for name, value in figures.items():
        if name != "faults":
            print(f"{name:24} {value}", file=sys.stderr)
    for fault in faults[:20]:
        print(f"FAULT {fault}", file=sys.stderr)
    print("FAILED" if faults else "passed", file=sys.stderr)
    sys.exit(1 if faults else 0)


def absolute(arguments, options):
    """The starter runs in the repository; the binary is named from here."""
    return [*arguments, "--attune", str(Path(options.attune).resolve())]


if __name__ == "__main__":
    main()
