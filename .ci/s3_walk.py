"""Runs the tests of the artifact store over moto's S3, then walks through an attune that keeps its artifacts there:
bytes and ranges over HTTP, a restart, a collection, and what callers see while S3 is away."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from s3_server import BUCKET, environment as s3_environment, make_bucket, start_s3

ATTUNE, WORK = sys.argv[1], Path(sys.argv[2])
SECRET = "a-secret-that-no-log-may-show"
PREFIX = "some/prefix"


def call(address, path, body=None, headers=None):
    """Status, headers and body of a request."""
    data = None if body is None else json.dumps(body).encode()
    headers = {**({"content-type": "application/json"} if data else {}), **(headers or {})}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(address + path, data, headers), timeout=120)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read()


class Attune:
    """A server, stopped at the end."""

    def __init__(self, environment):
        self.log = WORK / f"log-{time.monotonic_ns()}"
        command = [ATTUNE, "serve", "--offline", "--listen", "127.0.0.1:0", "--data-dir", WORK / "data"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def __enter__(self):
        for _ in range(600):
            found = re.search(r" is ready on (http://\S+) ", self.log.read_text())
            if found:
                self.address = found.group(1)
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.process.kill()
        sys.exit(f"the server did not start:\n{self.log.read_text()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


def serves_files(address, adapter, digest):
    path = f"/adapters/{adapter}/adapter_model.safetensors"
    status, headers, whole = call(address, path)
    assert status == 200 and hashlib.sha256(whole).hexdigest() == digest, (status, digest)
    assert headers["etag"] == f'"{digest}"', headers
    status, headers, part = call(address, path, headers={"range": "bytes=8-63"})
    assert (status, part) == (206, whole[8:64]), status
    assert headers["content-range"] == f"bytes 8-63/{len(whole)}", headers
    assert call(address, path, headers={"if-none-match": f'"{digest}"'})[0] == 304


def collected(environment, *options):
    command = [ATTUNE, "gc", "--json", "--data-dir", WORK / "data", *options]
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)


def main():
    s3, port = start_s3()
    endpoint = f"http://127.0.0.1:{port}"
    client = make_bucket(endpoint, SECRET)

    tests = ["cargo", "test", "--locked", "--lib", "store::artifacts"]
    subprocess.run(tests, env={**os.environ, "ATTUNE_TEST_S3": endpoint}, check=True)

    environment = {**os.environ, **s3_environment(endpoint, SECRET), "ATTUNE_ARTIFACTS": f"s3://{BUCKET}/{PREFIX}", "RUST_LOG": "info"}
    with Attune(environment) as attune:
        status, _, body = call(attune.address, "/adapters", {"task": "Write the word backwards."})
        assert status == 201, body
        adapter = json.loads(body)
        serves_files(attune.address, adapter["id"], adapter["digest"])
        keys = [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
        assert f"{PREFIX}/{adapter['digest'][:2]}/{adapter['digest']}" in keys, keys
        assert not (WORK / "data" / "artifacts").exists(), "something was kept beside the database"

    with Attune(environment) as attune:
        # What was stored is there after a restart.
        serves_files(attune.address, adapter["id"], adapter["digest"])
        s3.stop()
        began = time.monotonic()
        for path, body in [("/adapters", {"task": "Say it in upper case."}),
                           (f"/adapters/{adapter['id']}/adapter_model.safetensors", None)]:
            status, headers, answer = call(attune.address, path, body)
            assert status == 503 and int(headers["retry-after"]) > 0, (path, status, answer)
            assert json.loads(answer)["type"] == "/problems/unavailable", answer
        waited = time.monotonic() - began
        assert waited < 60, waited
        print(f"two requests were told in {waited:.1f} s that S3 is away")
        s3, _ = start_s3(port)
        serves_files(attune.address, adapter["id"], adapter["digest"])
        request = urllib.request.Request(f"{attune.address}/adapters/{adapter['id']}", method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()

    told = collected(environment, "--dry-run", "--grace", "0s")
    assert told["deleted"]["count"] == 1 and told["named"]["count"] == 1, told
    assert collected(environment, "--grace", "24h")["young"]["count"] == 1
    assert collected(environment, "--grace", "0s")["deleted"] == told["deleted"]
    assert collected(environment, "--grace", "0s")["deleted"]["count"] == 0

    for log in WORK.glob("log-*"):
        assert SECRET not in log.read_text(), f"{log} shows a secret"
    s3.stop()
    print("artifacts on S3 work")


main()
