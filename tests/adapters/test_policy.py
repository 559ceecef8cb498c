"""The policies of deploy/aws/template.yaml allow what the product calls, and nothing else.

botocore says before each call, presigning included, which operation is called with which
parameters: the calls of each process are recorded and translated to IAM's actions and resources.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import botocore
import pytest
import yaml

from leadmagnet.adapters.inspection import Inspection, NotAnswered, NotFound
from leadmagnet.adapters.s3 import Files
from leadmagnet.adapters.ses import Mail, Mailer
from leadmagnet.adapters.sns import confirm_sns_topic
from leadmagnet.errors import LeadMagnetError
from tests.support.paths import path_of

TEMPLATE = path_of("deploy/aws/template.yaml")
ADAPTERS = path_of("src/leadmagnet/adapters")
REGION, ACCOUNT, DOMAIN, NAME = "eu-west-3", "123456789012", "studio.example", "leadmagnet"
BUCKET = "leadmagnet-guides"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}-ses-events"
# What the template's references stand for in this test.
VALUES = {
    "Bucket": BUCKET,
    "Bucket.Arn": f"arn:aws:s3:::{BUCKET}",
    "Topic": TOPIC,
    "Name": NAME,
    "Domain": DOMAIN,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
}


# Calls that need one right, on what their parameters name.
SES = f"arn:aws:ses:{REGION}:{ACCOUNT}"
READS = {
    "GetAccount": ("ses:GetAccount", "*"),
    "GetEmailIdentity": ("ses:GetEmailIdentity", SES + ":identity/{EmailIdentity}"),
    "GetConfigurationSet": (
        "ses:GetConfigurationSet",
        SES + ":configuration-set/{ConfigurationSetName}",
    ),
    "GetConfigurationSetEventDestinations": (
        "ses:GetConfigurationSetEventDestinations",
        SES + ":configuration-set/{ConfigurationSetName}",
    ),
    "GetTopicAttributes": ("sns:GetTopicAttributes", "{TopicArn}"),
    "ListSubscriptionsByTopic": ("sns:ListSubscriptionsByTopic", "{TopicArn}"),
    "GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock", "arn:aws:s3:::{Bucket}"),
    "GetBucketVersioning": ("s3:GetBucketVersioning", "arn:aws:s3:::{Bucket}"),
}
# Of these IAM knows no resource (service authorisation reference of SESv2).
OF_NO_RESOURCE = {"ses:GetAccount"}


class Call(NamedTuple):
    operation: str
    parameters: dict[str, Any]


class Allowed(NamedTuple):
    """An action of IAM on a resource."""

    action: str
    resource: str


def needed(call: Call) -> set[Allowed]:
    """What IAM asks for, by the service authorisation reference of S3, SESv2 and SNS."""
    given = call.parameters
    ses = f"arn:aws:ses:{REGION}:{ACCOUNT}"
    if call.operation in ("GetObject", "HeadObject"):
        arn = f"arn:aws:s3:::{given['Bucket']}"
        found = {Allowed("s3:GetObject", f"{arn}/{given['Key']}")}
        # A missing object is a 404 only for someone who may list the bucket. Not asked by us, but
        # by a visitor, is what is signed: a file that is known to be there.
        asked = call.operation == "HeadObject" or given["Key"].startswith("incoming/")
        return found | ({Allowed("s3:ListBucket", arn)} if asked else set())
    if call.operation == "CreateBucket":
        return set()
    if call.operation == "CopyObject":
        source = "arn:aws:s3:::{Bucket}/{Key}".format(**given["CopySource"])
        assert given["CopySourceIfMatch"]
        return {
            Allowed("s3:GetObject", source),
            Allowed("s3:PutObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}"),
        }
    if call.operation == "PutObject":
        return {Allowed("s3:PutObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}")}
    if call.operation == "SendEmail":
        domain = given["FromEmailAddress"].rpartition("@")[2].strip("> ")
        return {
            Allowed("ses:SendEmail", f"{ses}:identity/{domain}"),
            Allowed("ses:SendEmail", f"{ses}:configuration-set/{given['ConfigurationSetName']}"),
        }
    if call.operation == "ConfirmSubscription":
        return {Allowed("sns:ConfirmSubscription", given["TopicArn"])}
    if call.operation == "GetSubscriptionAttributes":
        # What SNS asks about is the subscription's topic.
        topic = given["SubscriptionArn"].rpartition(":")[0]
        return {Allowed("sns:GetSubscriptionAttributes", topic)}
    if read := READS.get(call.operation):
        action, resource = read
        return {Allowed(action, resource.format(**given))}
    raise AssertionError(f"{call.operation} is not in this table yet")


@pytest.fixture
def calls(aws: Any) -> Iterator[list[Call]]:
    """The calls of every session made during the test."""
    found: list[Call] = []

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        found.append(Call(model.name, dict(params)))

    def listen(session: Any) -> None:
        session.register("provide-client-params.*.*", record)

    botocore.register_initializer(listen)
    # boto3.client() uses one session for all: a new one, which is listened to.
    boto3.setup_default_session()
    yield found
    botocore.unregister_initializer(listen)
    boto3.setup_default_session()


def serve() -> None:
    files = Files(BUCKET, url_life=timedelta(minutes=15), session=boto3.Session())
    assert "X-Amz-Signature=" in files.sign_url("guides/a.pdf", "A.pdf")
    with pytest.raises(LeadMagnetError):
        # Nothing listens there: the call is made, the answer does not matter.
        confirm_sns_topic(TOPIC, "token")


def worker() -> None:
    files = Files(BUCKET, url_life=timedelta(minutes=15), session=boto3.Session())
    with pytest.raises(LeadMagnetError):
        files.exists("guides/a.pdf")
    Mailer().send(
        Mail(
            sender=f"Studio <guide@{DOMAIN}>",
            to="ada@example.org",
            subject="Subject",
            text="Text",
            html="<p>Text</p>",
            configuration_set=NAME,
            tags={"outbox_id": "1", "kind": "confirm"},
        )
    )


def upload() -> None:
    """`leadmagnet magnets put`, and the admin API's uploads."""
    files = Files(BUCKET, url_life=timedelta(minutes=15), session=boto3.Session())
    form = files.upload_form("incoming/a/0.pdf", most_bytes=1)
    assert form.fields["key"] == "incoming/a/0.pdf"
    for ask in (
        lambda: files.put("guides/a/0.pdf", b"%PDF-"),
        # What S3 asks of the form's signer once it is posted.
        lambda: files.put(form.fields["key"], b"%PDF-"),
        lambda: files.read("incoming/a/0.pdf"),
        lambda: files.copy("incoming/a/0.pdf", "guides/a/0.pdf", etag="0"),
        lambda: files.exists("guides/a/0.pdf"),
    ):
        with pytest.raises(LeadMagnetError):
            ask()


def doctor() -> None:
    aws = Inspection.of_environment()
    for ask in (
        lambda: aws.public_access_block(BUCKET),
        lambda: aws.versioning(BUCKET),
        aws.account,
        lambda: aws.identity(DOMAIN),
        lambda: aws.configuration_set(NAME),
        lambda: aws.event_destinations(NAME),
        lambda: aws.topic(TOPIC),
        lambda: aws.subscriptions(TOPIC),
        lambda: aws.subscription(f"{TOPIC}:6b0e71bd"),
    ):
        with pytest.raises((NotAnswered, NotFound)):
            ask()


def _resolve(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node)
    text = str(loader.construct_scalar(node))
    if suffix == "Sub":
        for name, value in VALUES.items():
            text = text.replace("${" + name + "}", value)
        return text
    return VALUES.get(text, text)


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_multi_constructor("!", _resolve)


def template() -> dict[str, Any]:
    return dict(yaml.load(TEMPLATE.read_text("utf-8"), _Loader)["Resources"])


def allowed(policy: str) -> set[Allowed]:
    statements = template()[policy]["Properties"]["PolicyDocument"]["Statement"]
    as_list: Callable[[Any], list[Any]] = lambda value: (
        value if isinstance(value, list) else [value]
    )
    assert all(statement["Effect"] == "Allow" for statement in statements)
    return {
        Allowed(action, resource)
        for statement in statements
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def covers(allowed: Allowed, wanted: Allowed) -> bool:
    prefix = allowed.resource.removesuffix("*")
    fits = allowed.resource == wanted.resource or (
        prefix != allowed.resource and wanted.resource.startswith(prefix)
    )
    return allowed.action == wanted.action and fits


@pytest.mark.parametrize(
    ("process", "policy"),
    [
        (serve, "ServePolicy"),
        (worker, "WorkerPolicy"),
        (upload, "UploadPolicy"),
        (doctor, "DoctorPolicy"),
    ],
)
def test_a_policy_allows_exactly_what_its_process_calls(process, policy, calls, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:9")
    process()
    wanted = set().union(*map(needed, calls))
    granted = allowed(policy)
    for one in wanted:
        assert any(covers(grant, one) for grant in granted), f"{policy} lacks {one}"
    for grant in granted:
        assert any(covers(grant, one) for one in wanted), f"{policy} allows more: {grant}"
        assert "*" not in grant.action
        assert (grant.resource == "*") == (grant.action in OF_NO_RESOURCE)


def test_every_call_in_the_adapters_is_made_by_these_tests(calls, monkeypatch):
    """A new call of boto3's in an adapter fails here until a process above makes it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:9")
    serve()
    worker()
    upload()
    doctor()
    recorded = {botocore.xform_name(call.operation) for call in calls}
    assert recorded == {name for path in ADAPTERS.glob("*.py") for name in operations(path)}


def operations(path: Path) -> Iterator[str]:
    """The operations that a module calls on a client, or presigns."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not ast.unparse(node.func.value).endswith("client"):
            continue
        if node.func.attr == "generate_presigned_post":
            # As which botocore makes the form of a presigned POST.
            yield "create_bucket"
        elif node.func.attr == "generate_presigned_url":
            first = node.args[0]
            assert isinstance(first, ast.Constant)
            yield str(first.value)
        else:
            yield node.func.attr


def test_mails_are_never_tracked():
    destination = template()["Events"]["Properties"]["EventDestination"]
    assert not {"OPEN", "CLICK"} & set(destination["MatchingEventTypes"])
    configuration_set = template()["ConfigurationSet"]["Properties"]
    assert "TrackingOptions" not in configuration_set
    assert configuration_set["VdmOptions"]["DashboardOptions"] == {"EngagementMetrics": "DISABLED"}


def test_what_cannot_be_had_back_is_kept_when_the_stack_goes():
    for name in ("Bucket", "Identity"):
        assert template()[name]["DeletionPolicy"] == "Retain"
        assert template()[name]["UpdateReplacePolicy"] == "Retain"


def test_an_upload_that_is_not_activated_is_deleted_after_a_day_in_every_version():
    (rule,) = template()["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (rule["Prefix"], rule["Status"]) == ("incoming/", "Enabled")
    assert rule["ExpirationInDays"] == 1
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_topic_signs_with_the_version_that_the_api_accepts():
    assert template()["Topic"]["Properties"]["SignatureVersion"] == "2"


def test_the_template_is_short():
    assert len(TEMPLATE.read_text("utf-8").splitlines()) < 250
