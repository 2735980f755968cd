"""How long a description takes to its first token, beside the base's own prompt of 128 tokens.

    python benches/cold_start.py --attune target/release/attune --base DIR --data-dir DIR [--quantize q8_0] --json

The data directory must hold a generator for the base. Each figure is the median over descriptions (or prompts) that the
server has not seen, one request at a time, and the prefix cache is off:

    base_128      the base's time to the first token of a prompt of 128 tokens
    base_32       the same of 32 tokens
    cold_32       from a new description to the first token of a prompt of 32 tokens: read, generate, apply
    cached_32     the same with an adapter that is in memory
    load          loading a stored adapter that is not in memory, the first ten and the last ten of --adapters
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attune", default="target/release/attune")
    parser.add_argument("--base", required=True)
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--quantize")
    parser.add_argument("--adapters", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--port", type=int, default=18417)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    command = [options.attune, "serve", "--base", options.base, "--data-dir", options.data_dir, "--offline", "--listen", f"127.0.0.1:{options.port}"]
    command += ["--quantize", options.quantize] if options.quantize else []
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stderr=log)
        try:
            figures = measure(Client(options.port), options)
        finally:
            process.terminate()
            process.wait()
    ratios = {"cold_to_base_128": figures["cold_32"] / figures["base_128"], "cached_to_base_32": figures["cached_32"] / figures["base_32"]}
    ratios["load_last_to_first"] = figures["load_last"] / figures["load_first"]
    print(json.dumps({"milliseconds": figures, "ratios": ratios}) if options.json else f"{figures}\n{ratios}")


class Client:
    def __init__(self, port):
        self.port = port
        for _ in range(600):
            try:
                self.request("GET", "/health/ready")
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("the server did not become ready")

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(method, path, json.dumps(body) if body else None, {"content-type": "application/json"})
        answer = connection.getresponse()
        content = json.loads(answer.read())
        if answer.status >= 400:
            sys.exit(f"{path}: {content}")
        return content

    def milliseconds(self, body):
        """To the end of an answer of one token."""
        began = time.perf_counter()
        answer = self.request("POST", "/generate", {"max_tokens": 1, "cache_prompt": False, "merge": "never"} | body)
        return (time.perf_counter() - began) * 1e3, answer


def measure(client, options):
    rng = random.Random(time.time())
    text = lambda count: "".join(rng.choice("abcdefghij klmnop") for _ in range(count))
    new = lambda: f"Write the word {rng.random()} times, then {rng.randint(0, 10**9)}."
    client.milliseconds({"prompt": text(32)})
    known = client.request("POST", "/adapters", {"task": new()})["id"]
    series = {"base_128": [], "base_32": [], "cold_32": [], "cached_32": []}
    for _ in range(options.rounds):
        series["base_128"].append(client.milliseconds({"prompt": text(127)})[0])
        series["base_32"].append(client.milliseconds({"prompt": text(31)})[0])
        series["cold_32"].append(client.milliseconds({"prompt": text(31), "task": new()})[0])
        series["cached_32"].append(client.milliseconds({"prompt": text(31), "adapter": known})[0])
    loads = []
    for index in range(options.adapters):
        adapter = client.request("POST", "/adapters", {"task": new()})["id"]
        loads.append(client.milliseconds({"prompt": text(4), "adapter": adapter})[1]["timings_ms"]["adapter"])
        if index % 50 == 49:
            print(f"{index + 1} adapters", file=sys.stderr)
    medians = {name: statistics.median(values) for name, values in series.items()}
    return medians | {"load_first": statistics.median(loads[:10]), "load_last": statistics.median(loads[-10:])}


if __name__ == "__main__":
    main()
