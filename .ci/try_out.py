"""Runs the README's first command on a copy of the example manifests: everything becomes as declared,
a change of a file is applied, and SIGTERM ends it with exit code 0."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
DAEMON, SANDBOX = ("127.0.0.1", 9464), ("127.0.0.1", 4566)


def get(path):
    """The answer, or None as long as there is none or the daemon is not ready."""
    try:
        with urllib.request.urlopen("http://{}:{}".format(*DAEMON) + path, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def in_sync():
    resources = json.loads(get("/status") or "{}").get("resources", [])
    return len(resources) > 0 and all(resource["state"] == "in_sync" for resource in resources)


def desired_count(cluster, service):
    url = "http://{}:{}".format(*SANDBOX)
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    ecs = boto3.client("ecs", endpoint_url=url, region_name="us-east-1", **keys)
    return ecs.describe_services(cluster=cluster, services=[service])["services"][0]["desiredCount"]


def wait(what, condition, process, seconds):
    start = time.monotonic()
    while not condition():
        if process.poll() is not None:
            sys.exit(f"the daemon ended with {process.returncode} before this was so: {what}")
        if time.monotonic() - start > seconds:
            sys.exit(f"not within {seconds} s: {what}\n{get('/status')}")
        time.sleep(0.2)
    print(f"{what}: after {time.monotonic() - start:.1f} s")


def main():
    for address in (DAEMON, SANDBOX):
        with socket.socket() as probe:
            if probe.connect_ex(address) == 0:
                sys.exit("{}:{} is taken; the README's command needs it".format(*address))
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(ROOT / "manifests", Path(work) / "manifests")
        command = ["cargo", "run", "--manifest-path", str(ROOT / "Cargo.toml"), "--", "run", "--sandbox", "manifests"]
        process = subprocess.Popen(command, cwd=work)
        try:
            # cargo may have to build first.
            wait("/readyz says ok", lambda: get("/readyz") is not None, process, 900)
            wait("every resource is in sync", in_sync, process, 120)
            file = Path(work) / "manifests/shop/web.yaml"
            before = desired_count("shop", "web")
            text = file.read_text()
            changed = text.replace(f"desiredCount: {before}", f"desiredCount: {before + 1}")
            assert changed != text, "web.yaml declares another desiredCount than ECS has"
            file.write_text(changed)
            wait("the changed file is applied", lambda: desired_count("shop", "web") == before + 1, process, 30)
            wait("every resource is in sync again", in_sync, process, 120)
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
            assert code == 0, f"exit code {code} after SIGTERM"
            print("SIGTERM: exit code 0")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
