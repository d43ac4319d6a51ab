"""Tests the deployed stack from outside, with the calls of an operator. Prints PASS, or exits with FAIL.

Usage: check.py up                                exit code 0 if the emulator responds
       check.py all BUILD NIGHT-0.zip NIGHT-1.zip all checks, after `sam deploy`
"""

import hashlib
import hmac
import http.client
import io
import json
import os
import re
import ssl
import sys
import time
import urllib.parse
import zipfile

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from files import TODAY, Files

from cold import zipped

DISTRICT = "elm"
SHARDS = "0123456789abcdef"
# Lambda's limit is 50 MB. Small binaries start faster.
LARGEST_ZIP = 8_000_000
# The C library of Amazon Linux 2023.
NEWEST_GLIBC = (2, 34)

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")


def client(service, **credentials):
    return boto3.client(service, config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}), **credentials)


def passed(text):
    print(f"PASS {text}", flush=True)


def check(holds, text, found=None):
    if not holds:
        sys.exit(f"FAIL {text}" + ("" if found is None else f": {found}"))


def wait_for(what, seconds, look):
    """Polls `look` until it returns a true value, because events are delivered asynchronously."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    sys.exit(f"FAIL waited {seconds} seconds for {what}")


class Stack:
    def __init__(self):
        self.s3, self.dynamodb, self.iam, self.logs = (client(name) for name in ("s3", "dynamodb", "iam", "logs"))
        description = client("cloudformation").describe_stacks(StackName="rollbook")["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
        self.inbox, self.internal, self.table = (outputs[name] for name in ("InboxBucket", "InternalBucket", "TableName"))
        self.functions = {"import": outputs["OnerosterImportFunction"], "reconcile": outputs["ReconcileFunction"]}
        self.outputs = outputs

    def objects(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.internal, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def read(self, key):
        return json.loads(self.s3.get_object(Bucket=self.internal, Key=key)["Body"].read())

    def items(self, partition):
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            ConsistentRead=True,
        )
        return [item for page in pages for item in page["Items"]]

    def mirror(self, district):
        """Returns all items of the mirror by key, as stored."""
        items = (item for shard in SHARDS for item in self.items(f"D#{district}#{shard}"))
        return {(item["PK"]["S"], item["SK"]["S"]): json.dumps(item, sort_keys=True) for item in items}

    def upload(self, district, name, body):
        """Uploads a file, waits for the end of its run, and returns the run's report."""
        prefix, before = f"runs/{district}/", set(self.objects(f"runs/{district}/"))
        self.s3.put_object(Bucket=self.inbox, Key=f"uploads/{district}/{name}", Body=body, Metadata={"as-of": TODAY.isoformat()})

        def report():
            for key in self.objects(prefix):
                if key.endswith("/report.json") and key not in before:
                    found = self.read(key)
                    if found["state"] not in ("importing", "staged", "planning", "applying"):
                        return found
            return None

        return wait_for(f"the report of {name}", 90, report)


def compare(stack, files, night):
    """Compares the mirror with the files, for a preset that admits every student and teacher and no guardian."""
    records = {}
    for (_, key), text in stack.mirror(DISTRICT).items():
        check("#MORE#" not in key and not key.startswith("LINK#"), "a small new district has no links and no long items", key)
        item = json.loads(text)
        body = json.loads(item["body"]["S"])
        check(item["status"]["S"] == body["status"], "an item has the status of its body", key)
        if body["status"] == "active":
            records.setdefault(key.split("#")[0], {})[body["id"]] = body["state"]
    expected = {
        "school": files.ids("orgs.csv", type="school"),
        "term": files.ids("academicSessions.csv"),
        "course": files.ids("courses.csv"),
        "class": files.ids("classes.csv"),
        "student": files.ids("users.csv", role="student"),
        "teacher": files.ids("users.csv", role="teacher"),
    }
    for kind, ids in expected.items():
        check(ids, f"the files contain a {kind}")
        found = set(records.get(kind, {}))
        check(
            found == ids, f"{kind}: the mirror matches the file", f"{len(found - ids)} too many, {len(ids - found)} missing"
        )
    check(set(records) == set(expected), "nothing else is in the mirror", set(records) - set(expected))
    users = {row["sourcedId"]: row for row in files.files["users.csv"]}
    for kind in ("student", "teacher"):
        for identity, state in records[kind].items():
            row, person = users[identity], state["person"]
            for field, column in (("given", "givenName"), ("family", "familyName"), ("number", "identifier")):
                check(person.get(field, "") == row[column], f"the {field} of a {kind} is the file's {column}")
            check(person.get("email", "") == row["email"].strip().lower(), f"the e-mail address of a {kind} is the file's")
    # Ids are unique in the generated files, so keys are ids.
    for role, field in (("student", "students"), ("teacher", "teachers")):
        for identity, people in files.seats(role).items():
            found = records["class"][identity].get(field, [])
            check(set(found) == people and len(found) == len(people), f"a class has the {field} of the file")
    for row in files.files["classes.csv"]:
        check(
            records["class"][row["sourcedId"]]["details"]["title"] == row["title"], "a class has exactly the file's name"
        )
    counts = ", ".join(f"{len(ids)} {kind}" for kind, ids in expected.items())
    passed(
        f"the mirror equals the files of {night}: {counts}, {sum(map(len, files.seats('student').values()))} student enrollments"
    )


def a_stranger_is_refused(stack, files):
    stack.s3.put_object(Bucket=stack.inbox, Key="uploads/nobody/roster.zip", Body=files.bytes)
    wait_for("the refusal of a district that does not exist", 60, lambda: stack.objects("refused/nobody/"))
    check(not stack.items("D#nobody") and not stack.mirror("nobody"), "a district that does not exist has no items")
    passed("an upload for a district that does not exist is refused, and the table has no items of it")


def make_district(stack):
    """Creates a live district without the API: tests need no review (functions/OPERATIONS.md)."""
    settings = {"preset": "clever", "overrides": {}, "time_zone": "America/New_York"}
    stack.dynamodb.put_item(
        TableName=stack.table,
        Item={
            "PK": {"S": f"D#{DISTRICT}"},
            "SK": {"S": "SETTINGS"},
            "settings": {"S": json.dumps(settings)},
            "district_status": {"S": '"live"'},
        },
        ConditionExpression="attribute_not_exists(PK)",
    )


def nights(stack, first, second):
    report = stack.upload(DISTRICT, "roster.zip", first.bytes)
    check(report["state"] == "applied", "the first night is applied", report)
    compare(stack, first, "the first night")

    before = stack.mirror(DISTRICT)
    report = stack.upload(DISTRICT, "roster.zip", first.bytes)
    check(report["state"] == "unchanged" and report["item_writes"] == 0, "the same file again writes nothing", report)
    check(stack.mirror(DISTRICT) == before, "the same file again changes no item")
    passed("a second run with the same file writes no item")

    report = stack.upload(DISTRICT, "roster.zip", second.bytes)
    check(report["state"] == "applied", "the second night is applied", report)
    compare(stack, second, "the second night")
    after = stack.mirror(DISTRICT)
    changed = {key for key in after if after[key] != before.get(key)}
    check(set(before) <= set(after), "nothing is deleted: missing records are archived")
    check(len(changed) == report["item_writes"], "the report counts the writes", f"{len(changed)}, {report['item_writes']}")
    passed(f"the second night wrote {len(changed)} of {len(after)} items and deleted none")

    broken = stack.upload(DISTRICT, "roster.zip", first.bytes[: len(first.bytes) // 2])
    check(broken["state"] == "refused" and broken["findings"], "an incomplete zip file is refused with findings", broken)
    check(stack.mirror(DISTRICT) == after, "a refused file changes nothing")
    passed(f"an incomplete zip file is refused ({', '.join(broken['finding_totals'])}), and nothing changes")


class Listener:
    """Queues that receive what operators receive: events from the bus, and the texts that the template's
    rules send to the topic."""

    def __init__(self, stack):
        self.sqs, account = client("sqs"), client("sts").get_caller_identity()["Account"]
        events, sns, bus = client("events"), client("sns"), stack.outputs["OperatorBusName"]
        region = os.environ["AWS_REGION"]

        def queue(name, principal, **condition):
            url, arn = self.sqs.create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{region}:{account}:{name}"
            statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sqs:SendMessage", "Resource": arn}
            policy = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": {"ArnLike": condition}}]}
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
            return url, arn

        rule = f"arn:aws:events:{region}:{account}:rule/{bus}/listener"
        self.bus, arn = queue("heard-on-the-bus", "events.amazonaws.com", **{"aws:SourceArn": rule})
        events.put_rule(Name="listener", EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": "rollbook."}]}))
        events.put_targets(Rule="listener", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        topic = next(found["TopicArn"] for found in sns.list_topics()["Topics"] if "OperatorTopic" in found["TopicArn"])
        self.topic, arn = queue("heard-from-the-topic", "sns.amazonaws.com", **{"aws:SourceArn": topic})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def hear(self, url, what):
        """Returns the next message of a queue."""
        found = wait_for(what, 30, lambda: self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
        return json.loads(found[0]["Body"])

    def told(self, detail_type, status):
        """Returns the next event, and checks that it has this type, on the bus and at the topic."""
        event = self.hear(self.bus, f"the event {detail_type}")
        detail = event["detail"]
        check((event["detail-type"], detail["status"]) == (detail_type, status), f"operators are notified: {detail_type}", event)
        said = self.hear(self.topic, f"the message of {detail_type}")["Message"]
        check(detail["what"] in said and detail["next"] in said and "<" not in said, "the topic gets the event as sentences", said)
        return detail


def credentials_of(function):
    """Reads the function's credentials from its process, which the emulator keeps warm."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                pairs = (pair.partition(b"=") for pair in file.read().split(b"\0"))
                environment = {name.decode(): value.decode() for name, _, value in pairs}
        except (OSError, UnicodeDecodeError):
            continue
        if (
            environment.get("AWS_LAMBDA_FUNCTION_NAME") == function
            and environment.get("AWS_ENDPOINT_URL") == os.environ["AWS_ENDPOINT_URL"]
            and "AWS_SESSION_TOKEN" in environment
        ):
            return {
                "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
                "aws_session_token": environment["AWS_SESSION_TOKEN"],
            }
    sys.exit(f"FAIL no process of {function} is running")


def operators_are_told(stack, listener, first, second):
    """Checks the notifications of the refused uploads, then of a held run: an export without a third of its
    students."""
    unknown, broken = listener.told("Upload Refused", "refused"), listener.told("Upload Refused", "refused")
    check((unknown["district"], broken["district"]) == ("nobody", DISTRICT), "operators are notified of each refusal", [unknown, broken])
    check(list(unknown["findings"]) == ["district_unknown"], "the notification has the reason", unknown)

    before = stack.mirror(DISTRICT)
    report = stack.upload(DISTRICT, "roster.zip", second.without_students(3))
    check(report["state"] == "held", "an export without a third of its students is held", report)
    check(stack.mirror(DISTRICT) == before, "a held run changes nothing")
    held = listener.told("Run Held", "held")
    check((held["district"], held["run"]) == (DISTRICT, report["run"]), "the notification names the run", held)
    check({guard["kind"] for guard in held["guards"]} >= {"student"}, "the notification has the reasons", held)
    check(held["counts"] == report["counts"], "the notification has the counts of the report", held)
    private = first.private() | second.private()
    check(not any(text in json.dumps(held) for text in private), "the notification contains no personal data")
    passed("operators are notified of refused files and held runs, on the bus and at the topic")


def roles_are_walls(stack):
    """Uses each function's credentials for forbidden calls, and for allowed ones, to show that the
    credentials work."""
    key, run = f"uploads/{DISTRICT}/roster.zip", {"PK": {"S": f"D#{DISTRICT}"}, "SK": {"S": "RUN#x"}}
    everything = {
        "TableName": stack.table,
        "KeyConditionExpression": "PK = :pk",
        "ExpressionAttributeValues": {":pk": {"S": f"D#{DISTRICT}#0"}},
    }
    bus = stack.outputs["OperatorBusName"]

    def tell(credentials, bus):
        detail = json.dumps({"what": "A test of permissions.", "next": "Nothing.", "id": "1"})
        entry = {"EventBusName": bus, "Source": "test", "DetailType": "Test", "Detail": detail}
        client("events", **credentials).put_events(Entries=[entry])

    allowed, refused = 0, 0
    for name, may, must_not in (
        (
            "import",
            [lambda s3, table: s3.get_object(Bucket=stack.inbox, Key=key)],
            [
                lambda s3, table: s3.delete_object(Bucket=stack.inbox, Key=key),
                lambda s3, table: s3.put_object(Bucket=stack.inbox, Key=key, Body=b""),
                lambda s3, table: s3.put_object(Bucket=stack.internal, Key="groups/x", Body=b""),
                lambda s3, table: s3.get_object(Bucket=stack.internal, Key=stack.objects(f"runs/{DISTRICT}/")[0]),
                lambda s3, table: table.delete_item(TableName=stack.table, Key=run),
                lambda s3, table: table.scan(TableName=stack.table),
                lambda s3, table: table.batch_write_item(RequestItems={stack.table: [{"DeleteRequest": {"Key": run}}]}),
            ],
        ),
        (
            "reconcile",
            [lambda s3, table: table.query(**everything)],
            [
                lambda s3, table: s3.get_object(Bucket=stack.inbox, Key=key),
                lambda s3, table: s3.put_object(Bucket=stack.internal, Key="requests/x", Body=b""),
                lambda s3, table: s3.delete_object(Bucket=stack.internal, Key=stack.objects("snapshots/")[0]),
                lambda s3, table: table.scan(TableName=stack.table),
                lambda s3, table: table.delete_table(TableName=stack.table),
            ],
        ),
    ):
        credentials = credentials_of(stack.functions[name])
        services = client("s3", **credentials), client("dynamodb", **credentials)
        for call in [*may, lambda *_: tell(credentials, bus)]:
            call(*services)
            allowed += 1
        for number, call in enumerate([*must_not, lambda *_: tell(credentials, "default")]):
            try:
                call(*services)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                check(code in ("AccessDenied", "AccessDeniedException"), f"{name}: forbidden call {number} is denied", code)
                refused += 1
            else:
                sys.exit(f"FAIL {name}: forbidden call {number} was allowed")
    passed(f"with the functions' credentials, {refused} forbidden calls are denied and {allowed} required calls allowed")


def role_of(stack, prefix):
    roles = [role for page in stack.iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
    return next(role["RoleName"] for role in roles if f"-{prefix}-" in role["RoleName"])


def policies_say_the_rest(stack):
    """Evaluates the deployed policies for what the emulator does not enforce: table partitions, schedule
    groups, the SFTP service."""
    from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

    account = client("sts").get_caller_identity()["Account"]
    region = os.environ["AWS_REGION"]

    def policy_of(prefix):
        role = role_of(stack, prefix)
        names = stack.iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = (stack.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names)
        return [parse_policy_document(document) for document in documents]

    def decision(policies, action, resource, **context):
        found = evaluate(
            EvalContext(
                principal_arn=f"arn:aws:sts::{account}:assumed-role/x/x",
                principal_type="AssumedRole",
                principal_account=account,
                action=action,
                resource_arn=resource,
                region=region,
                service_context={key.replace("__", ":").lower(): value for key, value in context.items()},
            ),
            policies,
        )
        return found.decision == "Allow"

    table = f"arn:aws:dynamodb:{region}:{account}:table/{stack.table}"
    importer, reconcile = policy_of("OnerosterImportRole"), policy_of("ReconcileRole")
    for action in ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem"):
        check(decision(importer, action, table, dynamodb__LeadingKeys=[f"D#{DISTRICT}"]), f"import may {action} runs")
        check(
            not decision(importer, action, table, dynamodb__LeadingKeys=[f"D#{DISTRICT}#a"]),
            f"import may not {action} in the mirror",
        )
    schedules = f"arn:aws:scheduler:{region}:{account}:schedule"
    check(
        decision(reconcile, "scheduler:CreateSchedule", f"{schedules}/{stack.outputs['ScheduleGroup']}/x"),
        "reconcile may make schedules in its group",
    )
    check(not decision(reconcile, "scheduler:CreateSchedule", f"{schedules}/default/x"), "reconcile may make schedules in no other group")
    invoke = policy_of("ContinuationRole")
    functions = f"arn:aws:lambda:{region}:{account}:function"
    check(decision(invoke, "lambda:InvokeFunction", f"{functions}:{stack.functions['reconcile']}"), "schedules invoke reconcile")
    check(
        not decision(invoke, "lambda:InvokeFunction", f"{functions}:{stack.functions['import']}"), "schedules invoke nothing else"
    )
    passed("the policies keep import out of the mirror, and schedules in their groups")

    buses = f"arn:aws:events:{region}:{account}:event-bus"
    bus, pull, webhook = f"{buses}/{stack.outputs['OperatorBusName']}", policy_of("NightlyPullRole"), policy_of("CleverWebhookRole")
    for name, role, may in (("import", importer, True), ("reconcile", reconcile, True), ("nightly-pull", pull, True), ("the webhook", webhook, False)):
        check(decision(role, "events:PutEvents", bus) == may, f"{name} notifies operators: {may}")
        check(not decision(role, "events:PutEvents", f"{buses}/default"), f"{name} puts events on no other bus")
        check(not decision(role, "events:PutRule", bus.replace("event-bus", "rule")), f"{name} changes no rules")
    passed("the policies let three functions put events on the operator bus, and on no other")

    for action in ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"):
        check(decision(webhook, action, table, dynamodb__LeadingKeys=["NOTICE#x"]), f"the webhook may {action} webhook events")
        for partition in (f"D#{DISTRICT}", f"D#{DISTRICT}#a"):
            check(not decision(webhook, action, table, dynamodb__LeadingKeys=[partition]), f"the webhook may {action} only webhook events")
    for action in ("dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:Scan"):
        check(not decision(webhook, action, table, dynamodb__LeadingKeys=["NOTICE#x"]), f"the webhook may not {action}")
    notices = f"{schedules}/{stack.outputs['NoticeSchedules']}/x"
    check(decision(webhook, "scheduler:CreateSchedule", notices), "the webhook may make schedules in its group")
    check(not decision(webhook, "scheduler:DeleteSchedule", notices), "the webhook may not delete schedules")
    check(not decision(webhook, "scheduler:CreateSchedule", f"{schedules}/default/x"), "the webhook may make schedules in no other group")
    check(not decision(webhook, "lambda:InvokeFunction", f"{functions}:rollbook-nightly-pull"), "the webhook invokes nothing")
    asks = policy_of("NoticeRole")
    check(decision(asks, "lambda:InvokeFunction", f"{functions}:rollbook-nightly-pull"), "its schedules invoke nightly-pull")
    check(not decision(asks, "lambda:InvokeFunction", f"{functions}:{stack.functions['reconcile']}"), "and nothing else")
    passed("the policies let the webhook store webhook events and make schedules, and nothing else")

    for action in ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem", "dynamodb:Query"):
        check(decision(pull, action, table, dynamodb__LeadingKeys=[f"D#{DISTRICT}"]), f"nightly-pull may {action} runs")
        check(not decision(pull, action, table, dynamodb__LeadingKeys=[f"D#{DISTRICT}#a"]), f"nightly-pull may not {action} in the mirror")
    check(not decision(pull, "dynamodb:DeleteItem", table, dynamodb__LeadingKeys=[f"D#{DISTRICT}"]), "nightly-pull deletes nothing")
    internal = f"arn:aws:s3:::{stack.internal}"
    for folder, may in (("pulls", True), ("snapshots", True), ("runs", True), ("requests", False), ("groups", False)):
        check(decision(pull, "s3:PutObject", f"{internal}/{folder}/elm/x") == may, f"nightly-pull writes {folder}/: {may}")
    check(decision(pull, "s3:GetObject", f"{internal}/pulls/elm/x"), "nightly-pull reads its pages")
    for there in (f"{internal}/snapshots/elm/x/student.ndjson.zst", f"{internal}/runs/elm/x/plan.ndjson.zst", f"arn:aws:s3:::{stack.inbox}/uploads/elm/x"):
        check(not decision(pull, "s3:GetObject", there), "nightly-pull reads no other records", there)
    pulls = f"{schedules}/{stack.outputs['PullSchedules']}/x"
    for action in ("Create", "Get", "Update", "Delete"):
        check(decision(pull, f"scheduler:{action}Schedule", pulls), f"nightly-pull may {action} schedules in its group")
        check(not decision(pull, f"scheduler:{action}Schedule", f"{schedules}/default/x"), f"nightly-pull may {action} schedules in no other group")
    secret = f"arn:aws:secretsmanager:{region}:{account}:secret"
    check(decision(pull, "secretsmanager:GetSecretValue", f"{secret}:rollbook-token-elm-AbCdEf"), "nightly-pull reads districts' tokens")
    check(decision(pull, "secretsmanager:GetSecretValue", f"{secret}:classlink-partner-AbCdEf"), "nightly-pull reads ClassLink's key")
    check(not decision(pull, "secretsmanager:GetSecretValue", f"{secret}:other-AbCdEf"), "nightly-pull reads no other secret")
    check(not decision(pull, "secretsmanager:PutSecretValue", f"{secret}:rollbook-token-elm-AbCdEf"), "nightly-pull writes none")
    orders = policy_of("PullRole")
    check(decision(orders, "lambda:InvokeFunction", f"{functions}:rollbook-nightly-pull"), "districts' schedules invoke nightly-pull")
    check(not decision(orders, "lambda:InvokeFunction", f"{functions}:{stack.functions['reconcile']}"), "and nothing else")
    passed("the policies let nightly-pull stage pages, manage its schedules and read its secrets, and keep it out of the mirror")

    session = [parse_policy_document(sftp_session_policy(stack, "elm"))]
    bucket = f"arn:aws:s3:::{stack.inbox}"
    for action in ("s3:PutObject", "s3:GetObject", "s3:DeleteObject"):
        check(decision(session, action, f"{bucket}/uploads/elm/roster.zip"), f"a district's SFTP user may {action} in its folder")
        for elsewhere in ("uploads/oak/roster.zip", "uploads/elmhurst/roster.zip", "uploads/roster.zip", "roster.zip"):
            check(not decision(session, action, f"{bucket}/{elsewhere}"), f"a district's SFTP user may not {action} {elsewhere}")
    for prefix, may in (("uploads/elm/", True), ("uploads/", False), ("uploads/oak/", False), ("", False)):
        check(
            decision(session, "s3:ListBucket", bucket, s3__prefix=prefix) == may,
            f"a district's SFTP user lists {prefix!r}: {may}",
        )
    passed("the session policy restricts an SFTP user to uploads/<district>/")


def sftp_session_policy(stack, user):
    """Returns the session policy from the template's outputs, filled in as CloudFormation and Transfer do,
    because the emulator has no SFTP server."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, tag, node: getattr(node, "value", None))
    with open(os.path.join(ROOT, "template.yaml"), encoding="utf-8") as file:
        text = yaml.load(file, Loader)["Outputs"]["SftpSessionPolicy"]["Value"]
    check(len(text) < 2048, "a session policy has at most 2,048 characters", len(text))
    text = text.replace("${Inbox.Arn}", f"arn:aws:s3:::{stack.inbox}").replace("${Key.Arn}", stack.outputs["KeyArn"])
    return json.loads(text.replace("${!transfer:UserName}", user))


def the_door_of_notices(stack):
    """Checks the webhook URL: unsigned events are rejected, a signed one is accepted once and makes one
    schedule."""
    url, district = stack.outputs["NoticeUrl"], "58da8a43cc70ab00017a1a87"
    secret = client("secretsmanager").get_secret_value(SecretId=stack.outputs["NoticeKeysSecret"])["SecretString"]
    key, body = json.loads(secret)["current"], json.dumps({"district": district})
    check(len(key) == 64, "the first key is drawn")
    # The emulator serves all function URLs at one port and selects the function by host name.
    host = urllib.parse.urlsplit(url).hostname
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])

    def knock(headers):
        door = http.client.HTTPSConnection(endpoint.hostname, endpoint.port, context=context, timeout=60)
        door.request("POST", "/", body, {"Host": host, "Content-Type": "application/json", **headers})
        return door.getresponse().status

    def signed(key):
        now = str(int(time.time()))
        signature = hmac.new(key.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
        return {"x-rollbook-timestamp": now, "x-rollbook-signature": signature}

    # The emulator treats every new schedule as one of the default group, which this role's policy
    # does not allow. The policy itself is checked above.
    statement = {"Effect": "Allow", "Action": "scheduler:CreateSchedule", "Resource": "arn:aws:scheduler:*:*:schedule/default/*"}
    stack.iam.put_role_policy(
        RoleName=role_of(stack, "CleverWebhookRole"),
        PolicyName="for-the-emulator",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    scheduler = client("scheduler")

    def schedules():
        found = scheduler.list_schedules(GroupName=stack.outputs["NoticeSchedules"])["Schedules"]
        return [schedule["Name"] for schedule in found]

    for who, headers in (("without a signature", {}), ("with a wrong key", signed("x" * 64))):
        status = knock(headers)
        check(status == 401, f"a webhook event {who} is rejected", status)
    check(not schedules(), "a rejected webhook event makes no schedule")
    notice = signed(key)
    statuses = [knock(notice), knock(notice)]
    check(statuses == [202, 409], "a signed webhook event is accepted once", statuses)
    check(schedules() == [f"clever-notice-{district}"], "a webhook event makes one schedule", schedules())
    check(not stack.items(f"D#{district}"), "a webhook event writes no items of the district")
    passed("the webhook URL rejects unsigned events and accepts a signed event once")


def logs_name_nobody(stack, *nights):
    private = set().union(*(night.private() for night in nights))
    lines = 0
    for function in stack.functions.values():
        pages = stack.logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        for event in (event for page in pages for event in page["events"]):
            lines += 1
            found = next((text for text in private if text in event["message"]), None)
            check(found is None, f"a line of {function}'s log contains personal data")
    check(lines, "the functions write logs")
    passed(f"{lines} log lines contain none of {len(private)} user names, addresses and numbers")


def failures_are_watched(stack):
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    queues = {dimension["Value"] for alarm in alarms for dimension in alarm["Dimensions"] if dimension["Name"] == "QueueName"}
    for name, output in (("import", "OnerosterImportFailureQueue"), ("reconcile", "ReconcileFailureQueue")):
        check(stack.outputs[output].rsplit("/", 1)[1] in queues, f"an alarm watches the failures of {name}")
        config = client("lambda").get_function_event_invoke_config(FunctionName=stack.functions[name], Qualifier="$LATEST")
        target = config["DestinationConfig"]["OnFailure"]["Destination"]
        check(target.rsplit(":", 1)[1] in queues, f"failures of {name} go to a queue with an alarm")
        waiting = client("sqs").get_queue_attributes(
            QueueUrl=f"{os.environ['AWS_ENDPOINT_URL']}/{stack.outputs[output].split('/', 3)[3]}",
            AttributeNames=["ApproximateNumberOfMessages"],
        )["Attributes"]["ApproximateNumberOfMessages"]
        check(waiting == "0", f"no event of {name} failed", waiting)
    passed(f"{len(alarms)} alarms watch failures, and both failure queues are empty")


def sizes(build):
    for function in ("OnerosterImport", "Reconcile", "CleverWebhook"):
        path = os.path.join(build, function, "bootstrap")
        with open(path, "rb") as file:
            binary = file.read()
        size = zipped(path)
        check(size <= LARGEST_ZIP, f"{function} is at most {LARGEST_ZIP / 1e6:.1f} MB zipped", f"{size / 1e6:.2f} MB")
        glibc = max((int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", binary))
        check(glibc <= NEWEST_GLIBC, f"{function} runs on Amazon Linux 2023", f"it needs glibc {glibc[0]}.{glibc[1]}")
        passed(f"{function}: {size / 1e6:.2f} MB zipped, {len(binary) / 1e6:.2f} MB, needs glibc {glibc[0]}.{glibc[1]}")


def main(arguments):
    if arguments == ["up"]:
        try:
            client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            sys.exit(str(error))
        return
    _, build, first, second = arguments
    first, second = Files(first), Files(second)
    sizes(build)
    stack = Stack()
    listener = Listener(stack)
    a_stranger_is_refused(stack, first)
    make_district(stack)
    nights(stack, first, second)
    operators_are_told(stack, listener, first, second)
    roles_are_walls(stack)
    policies_say_the_rest(stack)
    the_door_of_notices(stack)
    logs_name_nobody(stack, first, second)
    failures_are_watched(stack)


if __name__ == "__main__":
    main(sys.argv[1:])
