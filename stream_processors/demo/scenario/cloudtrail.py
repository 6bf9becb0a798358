"""AWS CloudTrail: one record as one line of JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream_processors.demo.scenario import cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment
from stream_processors.demo.scenario.template import System, Writer, compact_json

CLOUDTRAIL = System("cloudtrail", share=0.08, swing=0.2)

Parameters = Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API, from where and with which program. `role` is None for an IAM user."""

    name: str
    role: str | None
    address: str
    agent: str

    def identity(self) -> dict[str, str]:
        """Return the `userIdentity` of this caller. The key ids are visibly not keys."""
        tag = self.name.upper().replace("-", "").replace(".", "")[:8]
        if self.role is None:
            return {
                "type": "IAMUser",
                "principalId": f"AIDAEXAMPLE{tag}",
                "arn": f"arn:aws:iam::{cast.AWS_ACCOUNT}:user/{self.name}",
                "accountId": cast.AWS_ACCOUNT,
                "accessKeyId": f"AKIAEXAMPLE{tag}",
                "userName": self.name,
            }
        return {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLE{tag}:{self.name}",
            "arn": f"arn:aws:sts::{cast.AWS_ACCOUNT}:assumed-role/{self.role}/{self.name}",
            "accountId": cast.AWS_ACCOUNT,
            "accessKeyId": f"ASIAEXAMPLE{tag}",
        }


_BOTO = "Boto3/1.35.36 md/Botocore#1.35.36 ua/2.0 os/linux#6.1.0 lang/python#3.11.9"
_JAVA = "aws-sdk-java/2.29.6 Linux/6.1.0 OpenJDK_64-Bit_Server_VM/17.0.12+7"
_TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 terraform-provider-aws/5.74.0"
_CLI = "aws-cli/2.18.10 md/awscrt#0.22.0 ua/2.0 os/macos#23.6.0 lang/python#3.12.6"
_MACHINES = (
    Caller("i-0a1example", "AppServerRole", "10.20.2.11", _JAVA),
    Caller("i-0b2example", "AppServerRole", "10.20.2.12", _JAVA),
    Caller("metrics-collector", "MonitoringRole", "10.20.0.60", _BOTO),
    Caller("svc-backup", "BackupRole", "10.20.1.31", _BOTO),
    Caller("pipeline", "DeployRole", "10.20.1.30", _TERRAFORM),
)
_STAFF = tuple(Caller(who.mail, "Engineer", cast.OFFICE_GATEWAY, _CLI) for who in cast.ENGINEERS)
_PIPELINE = _MACHINES[-1:]


def record_line(
    draw: Draw,
    now: Moment,
    caller: Caller,
    *,
    api: str,
    parameters: Parameters,
    read_only: bool,
    extra: Mapping[str, object] | None = None,
) -> str:
    """Return one CloudTrail record of one API call, written as in IAM (`s3:GetObject`).

    `extra` adds top-level fields.
    """
    source, _, name = api.partition(":")
    record: dict[str, object] = {
        "eventVersion": "1.11",
        "userIdentity": caller.identity(),
        "eventTime": now.iso_seconds(),
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": caller.address,
        "userAgent": caller.agent,
        "requestParameters": parameters,
        "responseElements": None,
        "requestID": draw.uuid(),
        "eventID": draw.uuid(),
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "recipientAccountId": cast.AWS_ACCOUNT,
    }
    return compact_json({**record, **(extra or {})})


def _nothing(_: Draw) -> Parameters:
    return None


def _object(draw: Draw) -> Parameters:
    bucket = draw.favour(cast.BUCKETS)
    return {"bucketName": bucket, "key": f"2025/{draw.between(1, 12):02d}/{draw.hex(8)}.json.gz"}


def _bucket(draw: Draw) -> Parameters:
    return {"bucketName": draw.favour(cast.BUCKETS)}


def _listing(draw: Draw) -> Parameters:
    return {"bucketName": draw.favour(cast.BUCKETS), "prefix": "2025/", "max-keys": "1000"}


def _instances(draw: Draw) -> Parameters:
    return {"maxResults": draw.favour((100, 50, 1000)), "filterSet": {"items": [{"name": "tag:env"}]}}


def _role(draw: Draw) -> Parameters:
    role = draw.favour(_MACHINES).role
    return {"roleArn": f"arn:aws:iam::{cast.AWS_ACCOUNT}:role/{role}", "durationSeconds": 3600}


def _key(draw: Draw) -> Parameters:
    return {"encryptionContext": {"aws:s3:arn": f"arn:aws:s3:::{draw.favour(cast.BUCKETS)}"}}


def _log_stream(draw: Draw) -> Parameters:
    return {"logGroupName": f"/app/{draw.favour(cast.DEPLOYMENTS)}", "logStreamName": draw.hex(16)}


def _scaling(draw: Draw) -> Parameters:
    return {
        "autoScalingGroupName": f"asg-{draw.favour(cast.DEPLOYMENTS)}",
        "desiredCapacity": draw.between(2, 9),
    }


def _launch(draw: Draw) -> Parameters:
    return {"instanceType": draw.favour(("t3.medium", "m6i.large")), "minCount": 1, "maxCount": 1}


def _user(_: Draw) -> Parameters:
    return {"userName": "mail-relay"}


@dataclass(frozen=True, slots=True)
class _Call:
    weight: float
    source: str
    name: str
    callers: tuple[Caller, ...]
    parameters: Callable[[Draw], Parameters]
    read_only: bool = True
    error: str | None = None

    @property
    def template(self) -> str:
        return self.name if self.error is None else f"{self.name}_{self.error}"


_CALLS = (
    _Call(26, "s3", "GetObject", _MACHINES, _object),
    _Call(16, "ec2", "DescribeInstances", _MACHINES + _STAFF, _instances),
    _Call(12, "sts", "AssumeRole", _MACHINES, _role),
    _Call(10, "s3", "PutObject", _MACHINES, _object, read_only=False),
    _Call(8, "kms", "Decrypt", _MACHINES, _key),
    _Call(6, "s3", "ListObjects", _MACHINES, _listing),
    _Call(5, "sts", "GetCallerIdentity", _PIPELINE + _STAFF, _nothing),
    _Call(4, "logs", "CreateLogStream", _MACHINES, _log_stream, read_only=False),
    _Call(3, "ec2", "DescribeVolumes", _MACHINES, _nothing),
    _Call(2.5, "s3", "ListBuckets", _STAFF, _nothing),
    _Call(2, "cloudwatch", "DescribeAlarms", _MACHINES, _nothing),
    _Call(1.0, "autoscaling", "UpdateAutoScalingGroup", _PIPELINE, _scaling, read_only=False),
    _Call(0.8, "s3", "GetObject", _STAFF, _object, error="AccessDenied"),
    _Call(0.5, "s3", "GetBucketPolicy", _STAFF, _bucket),
    _Call(0.4, "ec2", "RunInstances", _PIPELINE, _launch, read_only=False),
    _Call(0.15, "iam", "CreateAccessKey", _PIPELINE, _user, read_only=False),
)


def _writer(call: _Call) -> Writer:
    extra = None if call.error is None else {"errorCode": call.error, "errorMessage": "Access Denied"}

    def write(draw: Draw, now: Moment) -> str:
        caller, parameters = draw.favour(call.callers), call.parameters(draw)
        return record_line(
            draw,
            now,
            caller,
            api=f"{call.source}:{call.name}",
            parameters=parameters,
            read_only=call.read_only,
            extra=extra,
        )

    return write


for _call in _CALLS:
    CLOUDTRAIL.add(_call.template, _call.weight, _writer(_call))
