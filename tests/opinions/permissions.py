"""The permissions that Evenkeel asks for, by moto's account of which call needs which.

A user begins with none. What is refused, and said by name, is granted, and Evenkeel runs again, until nothing is
refused any more. So every permission is shown to be asked for, and its lack to be told.
"""

import json
import re
import sys
import tempfile
import urllib.request
from pathlib import Path

import yaml

from standin import client, evenkeel, free_port, server

HERE = Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"
POLICIES = [DEPLOY / "evenkeel/policy.yaml", *sorted((DEPLOY / "options").glob("*.yaml"))]
ROUNDS_MAX = 15

# moto has no such operation: the permission is asked for, and what it answers then is no answer.
MISSING = {"ecs:PutAccountSettingDefault"}

# In the policy, and not asked for here.
NOT_ASKED = {
    "ecs:DescribeServiceDeployments": "moto tells of no service deployment that could be described",
    "ecs:DescribeServiceRevisions": "nor of a service revision",
    "ecs:DescribeTasks": "asked about another copy of the daemon alone, and there is none",
    "iam:CreateServiceLinkedRole": "moto makes the role with the first cluster without asking for it",
    "iam:PassRole": "moto lets everybody pass every role",
    "iam:TagInstanceProfile": "moto takes tags with CreateInstanceProfile without asking for it",
}

STATEMENT = '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "%s", Resource: "*"}]}'
MANIFESTS = {
    "AccountSettings": "{awsvpcTrunking: enabled}",
    "Policy": "{description: The boundary, policyDocument: %s, tags: {team: shop}}" % (STATEMENT % "s3:Get*"),
    "Role": """
  preset: task
  policyMode: exclusive
  description: One
  instanceProfile: true
  permissionsBoundary: {ref: shop}
  managedPolicyArns: ["arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"]
  inlinePolicies: {read: %s}
  tags: {team: shop}"""
    % (STATEMENT % "s3:GetObject"),
    "CapacityProvider": """
  autoScalingGroupProvider:
    autoScalingGroupArn: arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:autoScalingGroupName/shop""",
    "Cluster": "{settings: [{name: containerInsights, value: enabled}], capacityProviders: [FARGATE, {ref: shop}]}",
    "Service": """
  cluster: {ref: shop}
  desiredCount: 1
  tags: {team: shop}
  taskDefinition:
    taskRoleArn: {ref: shop}
    containerDefinitions: [{name: web, image: "shop/web:1", memory: 64}]""",
}
CHANGES = [
    ("s3:Get*", "s3:List*"),
    ("s3:GetObject", "s3:PutObject"),
    ("description: One", "description: Two"),
    ("preset: task", "preset: container-instance"),
    ("AmazonSSMReadOnlyAccess", "AmazonS3ReadOnlyAccess"),
    ("team: shop", "team: store"),
    ("value: enabled", "value: disabled"),
    ("[FARGATE, {ref: shop}]", "[FARGATE]"),
    ("autoScalingGroupName/shop", "autoScalingGroupName/shop\n    managedScaling: {status: ENABLED, targetCapacity: 90}"),
    ("web:1", "web:2"),
    ("desiredCount: 1", "desiredCount: 0"),
]
HEAD = "apiVersion: evenkeel/v1alpha1\nkind: %s\nmetadata: {name: %s%s}\nspec: %s\n"


def shop():
    delete = ', annotations: {"evenkeel/deletion-policy": delete}'
    documents = []
    for kind, spec in MANIFESTS.items():
        name = "account" if kind == "AccountSettings" else "shop"
        documents.append(HEAD % (kind, name, "" if kind == "AccountSettings" else delete, spec))
    return "---\n".join(documents)


def changed():
    text = shop()
    for before, after in CHANGES:
        assert before in text, before
        text = text.replace(before, after)
    return text


def document(action):
    return json.dumps(yaml.safe_load(STATEMENT % action))


class Account:
    """moto, where a user may do what has been granted so far."""

    def __init__(self, url):
        self.url = url
        self.iam = client("iam", url)
        self.iam.create_user(UserName="evenkeel")
        self.key = self.iam.create_access_key(UserName="evenkeel")["AccessKey"]

    def enforce(self, on):
        """moto counts the calls that it lets through unseen."""
        headers, count = {"Content-Type": "text/plain"}, b"0" if on else b"1000000"
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset-auth", count, headers)).read()

    def grant(self, actions):
        self.enforce(False)
        # The one that needs no permission: a policy cannot be empty.
        statement = {"Effect": "Allow", "Action": sorted(actions) or ["sts:GetCallerIdentity"], "Resource": "*"}
        granted = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName="evenkeel", PolicyName="granted", PolicyDocument=granted)
        self.enforce(True)

    def spoil(self):
        """What others did in the meantime."""
        self.enforce(False)
        self.iam.remove_role_from_instance_profile(InstanceProfileName="shop", RoleName="shop")
        self.iam.delete_role_permissions_boundary(RoleName="shop")
        self.iam.put_role_policy(RoleName="shop", PolicyName="stray", PolicyDocument=document("s3:*"))
        arn = "arn:aws:iam::123456789012:policy/shop"
        for number in range(4):
            self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(f"s3:Put{number}"))

    def left(self):
        """What is still there of what was to be deleted."""
        self.enforce(False)
        roles = [role["RoleName"] for page in self.iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
        policies = [policy["PolicyName"] for policy in self.iam.list_policies(Scope="Local")["Policies"]]
        clusters = client("ecs", self.url).describe_clusters(clusters=["shop"])["clusters"]
        clusters = [cluster["clusterName"] for cluster in clusters if cluster["status"] != "INACTIVE"]
        return [name for name in [*roles, *policies, *clusters] if name == "shop"]

    def run(self, binary, *arguments):
        variables = {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": self.key["AccessKeyId"]}
        done = evenkeel(binary, *arguments, AWS_SECRET_ACCESS_KEY=self.key["SecretAccessKey"], **variables)
        return done.stdout + done.stderr


def grow(account, granted, binary, *arguments):
    """Grants what is asked for until two runs ask for nothing more: what was changed is looked at once more. What the
    last run said."""
    quiet = 0
    for _ in range(ROUNDS_MAX):
        account.grant(granted - MISSING)
        said = account.run(binary, *arguments)
        asked = set(re.findall(r"not authorized to perform: ([\w-]+:\w+)", said))
        quiet = quiet + 1 if asked <= granted else 0
        if quiet == 2:
            break
        granted |= asked
    return said


def shipped():
    documents = [yaml.safe_load(policy.read_text())["spec"]["policyDocument"] for policy in POLICIES]
    statements = [statement for document in documents for statement in document["Statement"]]
    actions = [one["Action"] for one in statements if one["Effect"] == "Allow"]
    return {action for listed in actions for action in ([listed] if isinstance(listed, str) else listed)}


def permissions_on_moto(binary, _):
    granted, allowed = set(), shipped()
    with tempfile.TemporaryDirectory() as folder:
        work, port = Path(folder), free_port()
        directory = work / "manifests"
        directory.mkdir()
        command = [sys.executable, str(HERE / "enforcing.py"), "-H", "127.0.0.1", "-p", str(port)]
        with server(command, port, work / "moto.log", MOTO_IAM_LOAD_MANAGED_POLICIES="true") as url:
            account = Account(url)
            once = ["run", str(directory), "--once", "--lease", "none", "--listen", "127.0.0.1:0"]
            (directory / "shop.yaml").write_text(shop())
            said = [grow(account, granted, binary, *once)]
            account.spoil()
            (directory / "shop.yaml").write_text(changed())
            said.append(grow(account, granted, binary, *once))
            (directory / "shop.yaml").write_text(HEAD % ("Cluster", "stays", "", "{}"))
            apply = ["apply", str(directory), "--prune", "--lease", "none", "--timeout", "20s"]
            said.append(grow(account, granted, binary, *apply))
            left = account.left()
    wrong = [f"asked for and not in the policy: {action}" for action in sorted(granted - allowed)]
    wrong += [f"in the policy and never asked for: {action}" for action in sorted(allowed - granted - set(NOT_ASKED))]
    wrong += [f"asked for, so to be taken off the list: {action}" for action in sorted(granted & set(NOT_ASKED))]
    wrong += [f"not deleted: {name}" for name in left]
    if not wrong:
        print(f"permissions: {len(granted)} of {len(allowed)} asked for, one by one, and no other")
    return wrong and wrong + [line for text in said for line in ["--", *text.splitlines()[-15:]]]
