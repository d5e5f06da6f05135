"""Applies the example manifests to two stand-ins for AWS that others wrote, and to our own sandbox
with boto3 looking on. See README.md.

    python opinions.py BINARY MANIFESTS [ministack] [moto] [boto3] [lease] [permissions]
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deviations import DEVIATIONS
from permissions import permissions_on_moto
from standin import client, declared, environment, evenkeel, free_port, plan, sandbox, server

# moto drops most fields of CreateService and keeps them on UpdateService, so one apply is not enough;
# neither stand-in ends every rollout, so apply only ends when its time is up.
ROUNDS_MAX = 5
ROUND = "20s"


def ministack(work):
    port = free_port()
    # By default it listens on all interfaces, and on a second, fixed port for MQTT.
    variables = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    return server([str(Path(sys.executable).parent / "ministack")], port, work / "ministack.log", **variables)


def moto(work):
    port = free_port()
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    return server(command, port, work / "moto.log", MOTO_IAM_LOAD_MANAGED_POLICIES="true")


def capacity_providers(url, manifests):
    """MiniStack says nothing at all about a capacity provider that is missing, and Evenkeel does
    not create what AWS has not called missing. So they are made here, bare, as Evenkeel's own."""
    ecs = client("ecs", url)
    for provider in declared(manifests, "CapacityProvider"):
        group = provider["spec"]["autoScalingGroupProvider"]["autoScalingGroupArn"]
        group = group.replace("${AWS::Partition}", "aws").replace("${AWS::Region}", "us-east-1")
        account = client("sts", url).get_caller_identity()["Account"]
        ecs.create_capacity_provider(
            name=provider["metadata"]["name"],
            autoScalingGroupProvider={"autoScalingGroupArn": group.replace("${AWS::AccountId}", account)},
            tags=[{"key": "evenkeel:owner", "value": "evenkeel"}],
        )


def network(url, manifests):
    """moto looks subnets and security groups up, and chooses their ids itself: they are made, and
    the manifests' ids replaced."""
    ec2 = client("ec2", url)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    real = {}

    def make(match):
        example = match.group()
        if example not in real:
            number = len(real)
            if example.startswith("subnet-"):
                made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
            else:
                made = ec2.create_security_group(VpcId=vpc, GroupName=f"g{number}", Description="-")["GroupId"]
            real[example] = made
        return real[example]

    for file in manifests.rglob("*.yaml"):
        file.write_text(re.sub(r"\b(subnet|sg)-[0-9a-f]{17}\b", make, file.read_text()))


STAND_INS = {"ministack": (ministack, capacity_providers), "moto": (moto, network)}


def matches(pattern, line):
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), line) is not None


def judge(name, lines):
    """What is wrong with a plan, given the deviations that are known."""
    known = [(pattern, why) for stand_in, pattern, why in DEVIATIONS if stand_in == name]
    wrong = [f"unexpected: {line}" for line in sorted(lines) if not any(matches(pattern, line) for pattern, _ in known)]
    wrong += [
        f"no longer seen, so to be taken off the list: {pattern}"
        for pattern, _ in known
        if not any(matches(pattern, line) for line in lines)
    ]
    return wrong


def opinion(name, binary, manifests):
    start, prepare = STAND_INS[name]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        copy = work / "manifests"
        shutil.copytree(manifests, copy)
        with start(work) as url:
            prepare(url, copy)
            for _ in range(ROUNDS_MAX):
                applied = evenkeel(binary, "apply", str(copy), "--timeout", ROUND, AWS_ENDPOINT_URL=url)
                lines = plan(binary, copy, url)
                wrong = judge(name, lines)
                if not wrong:
                    break
    if wrong:
        return wrong + ["the last apply said:", *applied.stdout.splitlines(), *applied.stderr.splitlines()[-20:]]
    print(f"{name}: as declared, but for {len(lines)} known differences")
    return []


def boto3_sees_it(binary, manifests):
    """What Evenkeel made on its own sandbox, as a strict and foreign client reads it."""

    def names(kind):
        return {document["metadata"]["name"] for document in declared(manifests, kind)}

    def last(arns):
        return {arn.rsplit("/", 1)[1] for arn in arns}

    with sandbox(binary) as url:
        applied = evenkeel(binary, "apply", str(manifests), f"--sandbox={url}")
        if applied.returncode != 0:
            return ["apply onto the sandbox failed:", *applied.stdout.splitlines(), *applied.stderr.splitlines()]
        ecs, iam = client("ecs", url), client("iam", url)
        clusters = ecs.list_clusters()["clusterArns"]
        services = [
            arn
            for cluster in clusters
            for page in ecs.get_paginator("list_services").paginate(cluster=cluster)
            for arn in page["serviceArns"]
        ]
        roles = [role for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
        profiles = iam.list_instance_profiles()["InstanceProfiles"]
    seen = {
        "Cluster": last(clusters),
        "Service": last(services),
        # ECS makes a role of its own with the first cluster.
        "Role": {role["RoleName"] for role in roles if not role["Path"].startswith("/aws-service-role/")},
    }
    wrong = [f"{kind}: {seen[kind]} instead of {names(kind)}" for kind in seen if seen[kind] != names(kind)]
    if not any(role["RoleName"] == "ecsInstanceRole" for profile in profiles for role in profile["Roles"]):
        wrong.append("no instance profile carries ecsInstanceRole")
    if not wrong:
        print("boto3: " + ", ".join(f"{len(found)} of kind {kind}" for kind, found in seen.items()))
    return wrong


def lease_on_moto(binary, manifests):
    """A lease in moto's DynamoDB: two daemons, and the second writes when the first is told to stop. moto evaluates
    our conditions by code that others wrote."""
    cluster = "apiVersion: evenkeel/v1alpha1\nkind: Cluster\nmetadata: {name: %s}\nspec: {}\n"
    with tempfile.TemporaryDirectory() as folder, moto(Path(folder)) as url:
        dynamodb, ecs = client("dynamodb", url), client("ecs", url)
        dynamodb.create_table(
            TableName="evenkeel",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )

        def record():
            items = dynamodb.scan(TableName="evenkeel", ConsistentRead=True)["Items"]
            return {name: next(iter(value.values())) for name, value in items[0].items()} if items else {}

        def clusters():
            return {arn.rsplit("/", 1)[1] for arn in ecs.list_clusters()["clusterArns"]}

        def until(what, holds):
            end = time.monotonic() + 60
            while not holds():
                if time.monotonic() > end:
                    return [f"{what} did not come; the record is {record()}, the clusters are {clusters()}"]
                time.sleep(0.2)
            return []

        def daemon(name):
            directory = Path(folder) / name
            directory.mkdir()
            (directory / "cluster.yaml").write_text(cluster % name)
            command = [binary, "run", str(directory), "--lease", "dynamodb:evenkeel", "--listen", "127.0.0.1:0"]
            log = open(Path(folder) / f"{name}.log", "w")
            variables = environment(AWS_ENDPOINT_URL=url)
            return subprocess.Popen([*command, "--interval", "5s"], env=variables, stdout=log, stderr=log)

        first, second = daemon("first"), None
        try:
            wrong = until("the first daemon's cluster", lambda: clusters() == {"first"})
            taken = record()
            second = daemon("second")
            wrong = wrong or until("a renewal", lambda: int(record()["version"]) > int(taken["version"]))
            if not wrong and (record()["holder"] != taken["holder"] or clusters() != {"first"}):
                wrong = [f"the second daemon wrote beside the first: {record()}, {clusters()}"]
            first.terminate()
            first.wait(30)
            wrong = wrong or until("the second daemon's cluster", lambda: clusters() == {"first", "second"})
            if not wrong and record()["holder"] == taken["holder"]:
                wrong = [f"the lease is still the first daemon's: {record()}"]
        finally:
            for process in filter(None, [first, second]):
                process.terminate()
                process.wait(30)
        logs = [line for name in ("first", "second") for line in (Path(folder) / f"{name}.log").read_text().splitlines()]
    if not wrong:
        print("lease: kept by the first daemon, and handed over when it was stopped")
    return wrong and wrong + logs[-40:]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    binary, manifests = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).resolve()
    failed = False
    others = {"boto3": boto3_sees_it, "lease": lease_on_moto, "permissions": permissions_on_moto}
    for name in sys.argv[3:] or [*STAND_INS, *others]:
        wrong = others[name](binary, manifests) if name in others else opinion(name, binary, manifests)
        if wrong:
            failed = True
            print(f"{name}: not as expected\n  " + "\n  ".join(wrong))
    sys.exit(failed)


if __name__ == "__main__":
    main()
