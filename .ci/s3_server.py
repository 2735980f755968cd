"""moto's S3 in this process. By itself it runs a command that is to use it."""

import logging
import os
import subprocess
import sys

import boto3
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
BUCKET = "attune-ci"


def start_s3(port=0):
    """The running server, and its port."""
    # A line for each request tells nothing.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server, server.get_host_and_port()[1]


def environment(endpoint, secret):
    """What tells the AWS libraries, attune's among them, of the server."""
    return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"}


def make_bucket(endpoint, secret):
    """A client, by which the bucket was made."""
    client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test",
                          aws_secret_access_key=secret)
    client.create_bucket(Bucket=BUCKET)
    return client


def main():
    server, port = start_s3()
    endpoint = f"http://127.0.0.1:{port}"
    make_bucket(endpoint, "secret")
    tests = {"ATTUNE_TEST_S3": endpoint, "ATTUNE_TEST_ARTIFACTS": f"s3://{BUCKET}/tests"}
    done = subprocess.run(sys.argv[1:], env={**os.environ, **environment(endpoint, "secret"), **tests})
    server.stop()
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
