"""Starts servers on free loopback ports, and runs evenkeel against them."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import yaml

REGION = "us-east-1"
# Nobody checks them; the SDKs want some.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}


def environment(**more):
    """Ours without any AWS setting, so that nothing here can ever reach a real account."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EVENKEEL_"))}
    return ours | CREDENTIALS | {"AWS_EC2_METADATA_DISABLED": "true"} | more


def client(service, url):
    return boto3.client(
        service, endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(command, port, log, **variables):
    """Runs a server until the block ends; yields its URL once it accepts connections."""
    with open(log, "w") as out:
        process = subprocess.Popen(command, env=environment(**variables), stdout=out, stderr=out, cwd=Path(log).parent)
    try:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{command[0]} does not start:\n{Path(log).read_text()}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def sandbox(binary):
    """Runs `evenkeel sandbox` on a port that it chooses; yields its URL."""
    command = [binary, "sandbox", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", line)
        if not url:
            sys.exit(f"evenkeel sandbox says no address: {line!r}")
        yield url.group()
    finally:
        process.terminate()
        code = process.wait(10)
    assert code == 0, f"evenkeel sandbox ended with {code}"


def evenkeel(binary, *arguments, **variables):
    return subprocess.run([binary, *arguments], env=environment(**variables), capture_output=True, text=True)


def plan(binary, manifests, url):
    """What `evenkeel plan` still wants to change, as lines: `KIND/NAME what`."""
    done = evenkeel(binary, "plan", str(manifests), "--output", "json", AWS_ENDPOINT_URL=url)
    if not done.stdout:
        sys.exit(f"evenkeel plan failed:\n{done.stderr}")
    lines = set()
    for item in json.loads(done.stdout)["items"]:
        name = f"{item['kind']}/{item['name']}"
        if item["verb"] in ("create", "unknown"):
            lines.add(f"{name} {item['verb']}")
        for change in item["changes"]:
            lines.add(f"{name} {change['path']}")
        if (item["held"] or {}).get("reason") == "NotOurs":
            lines.add(f"{name} not ours")
        if item["verb"] == "update" and not item["changes"]:
            lines.add(f"{name} update")
    return lines


def declared(manifests, kind):
    """The manifests of one kind, read without evenkeel's help."""
    found = []
    for file in sorted(Path(manifests).rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document and document["kind"] == kind:
                found.append(document)
    return found
