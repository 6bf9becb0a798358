"""One event in several formats, and Windows events beside what they say: two sets of the evaluation of meaning.

Every line is written by the scenario's own writers, so the files in ``trainer/evaluation/sets`` hold no line of any
real system. Run: python -m benchmarks.writings, after which the files are what this module makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.event_texts import EVENTS
from stream_processors.demo.scenario import START, cast, cloudtrail, kubernetes, linux, winlog
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment

SETS = Path(__file__).parents[1] / "trainer" / "evaluation" / "sets"
SEED = 23
DRAWS = 2
"""Lines of each writing, with other people, hosts and times."""
REMOTE = linux.remote("{address}")
REFUSED = linux.remote("{address}", result="failed")
Write = Callable[[Draw, Moment], str]


def sshd(message: Callable[[cast.Account, int], str], priority: int = linux.AUTH_INFO) -> Write:
    """sshd in syslog."""

    def write(draw: Draw, now: Moment) -> str:
        who, host = draw.pick(cast.ENGINEERS), draw.pick(cast.LINUX)
        return linux.sshd_line(
            now, host.name, draw.between(900, 60_000), message(who, linux.port(draw)), priority
        )

    return write


def syslog(program: str, message: str) -> Write:
    """Another program in syslog; ``{who}`` and ``{other}`` are people."""

    def write(draw: Draw, now: Moment) -> str:
        who, other = draw.pick(cast.ENGINEERS).login, draw.pick(cast.PEOPLE).login
        host, pid = draw.pick(cast.LINUX).name, draw.between(300, 60_000)
        return f"<86>{now.syslog()} {host} {program}[{pid}]: {message.format(who=who, other=other)}"

    return write


def auditd(kind: str, message: str) -> Write:
    """A program's message to auditd."""

    def write(draw: Draw, now: Moment) -> str:
        who = draw.pick(cast.ENGINEERS)
        said = message.format(who=who.login, uid=who.uid, address=who.address)
        return linux.user_message(draw, now, kind, who.uid, said)

    return write


def kernel(kind: str, fields: str) -> Write:
    """A record of the kernel's audit."""
    return lambda draw, now: linux.audit_line(now, kind, fields.format(pid=draw.between(900, 60_000)))


def windows(
    code: int, action: str, message: str, data: Mapping[str, str], *, channel: str = "Security"
) -> Write:
    """A Windows event as winlogbeat ships it; ``{who}`` and ``{other}`` are people."""

    def write(draw: Draw, now: Moment) -> str:
        who, other, host = draw.pick(cast.PEOPLE), draw.pick(cast.PEOPLE), draw.pick(cast.WINDOWS_SERVERS)
        filled = {
            name: value.format(who=who.login, other=other.login, address=who.address)
            for name, value in data.items()
        }
        outcome = "failure" if "fail" in action or "denied" in action else "success"
        event = winlog.Event(code, action, message, channel, outcome)
        subject = winlog.system_fields(host.name) if channel == "Security" else {}
        return winlog.event_line(now, event, host.name, {**subject, **filled})

    return write


def aws(api: str, parameters: cloudtrail.Parameters, **extra: object) -> Write:
    """A record of CloudTrail."""

    def write(draw: Draw, now: Moment) -> str:
        who = draw.pick(cast.ENGINEERS)
        caller = cloudtrail.Caller(who.login, None, who.address, "aws-cli/2.18.10")
        reads = api.partition(":")[2].startswith(("Get", "List", "Describe"))
        return cloudtrail.record_line(
            draw, now, caller, api=api, parameters=parameters, read_only=reads, extra=extra
        )

    return write


def cluster(request: kubernetes.Request) -> Write:
    """An audit event of Kubernetes."""
    user = kubernetes.service_account("shop", "cart", "kubectl/v1.30.2", "10.20.4.11")
    return lambda draw, now: kubernetes.audit_event(draw, now, user, request, {})


def sign_in(result: str) -> Write:
    """A sign-in at the cloud's console."""
    return aws("signin:ConsoleLogin", None, responseElements={"ConsoleLogin": result})


def meanings() -> dict[str, dict[str, Write]]:
    """What happened, and the formats that it is written in."""
    logon = {"TargetUserName": "{who}", "LogonType": "3", "IpAddress": "{address}"}
    account = {"TargetUserName": "{other}", "TargetDomainName": cast.REALM}
    service = (
        'unit=nginx comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'
    )
    request = kubernetes.Request
    return {
        "login failed": {
            "sshd": sshd(lambda who, port: linux.failed_password(who.login, who.address, port)),
            "auditd": auditd("USER_LOGIN", 'op=login acct="{who}" ' + REFUSED),
            "windows": windows(4625, "logon-failed", "An account failed to log on.", logon),
            "cloudtrail": sign_in("Failure"),
        },
        "login succeeded": {
            "sshd": sshd(lambda who, port: linux.accepted_password(who.login, who.address, port)),
            "auditd": auditd("USER_LOGIN", "op=login id={uid} " + REMOTE),
            "windows": windows(4624, "logged-in", "An account was successfully logged on.", logon),
            "cloudtrail": sign_in("Success"),
        },
        "session ended": {
            "sshd": sshd(lambda who, _: f"pam_unix(sshd:session): session closed for user {who.login}"),
            "auditd": auditd("USER_END", 'op=PAM:session_close acct="{who}" ' + REMOTE),
            "windows": windows(4634, "logged-out", "An account was logged off.", logon),
        },
        "account created": {
            "syslog": syslog("useradd", "new user: name={other}, UID=1207, GID=1207, home=/home/{other}"),
            "auditd": auditd("ADD_USER", 'op=add-user acct="{who}" exe="/usr/sbin/useradd" res=success'),
            "windows": windows(4720, "added-user-account", "A user account was created.", account),
            "cloudtrail": aws("iam:CreateUser", {"userName": "mail-relay"}),
        },
        "account deleted": {
            "syslog": syslog("userdel", "delete user '{other}'"),
            "auditd": auditd("DEL_USER", 'op=delete-user acct="{who}" exe="/usr/sbin/userdel" res=success'),
            "windows": windows(4726, "deleted-user-account", "A user account was deleted.", account),
            "cloudtrail": aws("iam:DeleteUser", {"userName": "mail-relay"}),
        },
        "member added to group": {
            "syslog": syslog("usermod", "add '{other}' to group 'wheel'"),
            "auditd": auditd("USER_MGMT", 'op=add-user-to-group grp="wheel" acct="{who}" res=success'),
            "windows": windows(
                4732,
                "added-member-to-group",
                "A member was added to a security-enabled local group.",
                account,
            ),
            "cloudtrail": aws("iam:AddUserToGroup", {"groupName": "admins", "userName": "mail-relay"}),
        },
        "member removed from group": {
            "syslog": syslog("gpasswd", "user {other} removed by root from group wheel"),
            "auditd": auditd("USER_MGMT", 'op=delete-user-from-group grp="wheel" acct="{who}" res=success'),
            "windows": windows(
                4733, "removed-member", "A member was removed from a security-enabled local group.", account
            ),
            "cloudtrail": aws("iam:RemoveUserFromGroup", {"groupName": "admins", "userName": "mail-relay"}),
        },
        "password changed": {
            "syslog": syslog("passwd", "pam_unix(passwd:chauthtok): password changed for {other}"),
            "auditd": auditd(
                "USER_CHAUTHTOK", 'op=change-password acct="{who}" exe="/usr/bin/passwd" res=success'
            ),
            "windows": windows(
                4724, "reset-password", "An attempt was made to reset an account's password.", account
            ),
            "cloudtrail": aws("iam:ChangePassword", None),
        },
        "account locked": {
            "syslog": syslog(
                "login", "pam_faillock(login:auth): Consecutive login failures for user {other}, locked"
            ),
            "auditd": auditd(
                "RESP_ACCT_LOCK", 'op=pam_faillock acct="{who}" exe="/usr/sbin/sshd" res=success'
            ),
            "windows": windows(4740, "locked-out", "A user account was locked out.", account),
        },
        "service started": {
            "syslog": syslog("systemd", "Started nginx.service - A high performance web server."),
            "auditd": auditd("SERVICE_START", service),
            "windows": windows(
                7036,
                "service-state",
                "The service entered the running state.",
                {"param1": "Web Publishing", "param2": "running"},
                channel="System",
            ),
            "cloudtrail": aws("ecs:StartTask", {"taskDefinition": "nginx"}),
        },
        "service stopped": {
            "syslog": syslog("systemd", "Stopped nginx.service - A high performance web server."),
            "auditd": auditd("SERVICE_STOP", service),
            "windows": windows(
                7036,
                "service-state",
                "The service entered the stopped state.",
                {"param1": "Web Publishing", "param2": "stopped"},
                channel="System",
            ),
            "cloudtrail": aws("ecs:StopTask", {"task": "nginx"}),
        },
        "program run": {
            "auditd": lambda draw, now: linux.execve(now, ("curl", "-sf", "http://192.0.2.7/metrics")),
            "windows": windows(
                4688,
                "created-process",
                "A new process has been created.",
                {
                    "NewProcessName": r"C:\Windows\System32\curl.exe",
                    "CommandLine": "curl.exe -sf http://192.0.2.7/",
                },
            ),
            "syslog": syslog(
                "sudo", "{other} : TTY=pts/1 ; PWD=/root ; USER=root ; COMMAND=/usr/bin/curl -sf"
            ),
        },
        "access denied": {
            "auditd": kernel(
                "AVC", 'apparmor="DENIED" operation="open" name="/etc/shadow" pid={pid} denied_mask="r"'
            ),
            "windows": windows(
                4656,
                "access-denied",
                "A handle to an object was requested.",
                {"ObjectName": r"C:\Secret\a.txt"},
            ),
            "cloudtrail": aws("s3:GetObject", {"bucketName": cast.BUCKETS[1]}, errorCode="AccessDenied"),
            "kubernetes": cluster(request("get", "secrets", "billing", "ledger", code=403)),
        },
        "recording switched off": {
            "auditd": kernel("CONFIG_CHANGE", "op=set audit_enabled=0 old=1 auid=1002 ses=4 res=1"),
            "windows": windows(1102, "audit-log-cleared", "The audit log was cleared.", {}),
            "cloudtrail": aws("cloudtrail:StopLogging", {"name": "org-trail"}),
        },
        "secret read": {
            "kubernetes": cluster(request("get", "secrets", "billing", "ledger")),
            "cloudtrail": aws("secretsmanager:GetSecretValue", {"secretId": "ledger"}),
            "windows": windows(5379, "read-credentials", "Credential Manager credentials were read.", {}),
        },
        "rights granted": {
            "kubernetes": cluster(
                request("create", "clusterrolebindings", name="ops-admin", group="rbac.authorization.k8s.io")
            ),
            "cloudtrail": aws(
                "iam:AttachUserPolicy", {"userName": "mail-relay", "policyArn": "Administrator"}
            ),
            "windows": windows(
                4672,
                "logged-in-special",
                "Special privileges assigned to new logon.",
                {"PrivilegeList": "SeDebugPrivilege"},
            ),
        },
        "file deleted": {
            "auditd": kernel("PATH", 'item=1 name="/srv/exports/a.csv" nametype=DELETE pid={pid}'),
            "windows": windows(4660, "object-deleted", "An object was deleted.", {"ProcessName": "cmd.exe"}),
            "cloudtrail": aws("s3:DeleteObject", {"bucketName": cast.BUCKETS[0], "key": "exports/a.csv"}),
        },
        "clock changed": {
            "syslog": syslog("chronyd", "System clock was stepped by 2.418 seconds"),
            "auditd": kernel("TIME_INJOFFSET", "sec=2 nsec=418112 pid={pid}"),
            "windows": windows(
                4616, "time-changed", "The system time was changed.", {"ProcessName": "w32tm.exe"}
            ),
        },
        "job planned": {
            "syslog": syslog("crontab", "({other}) REPLACE ({other})"),
            "windows": windows(
                4698, "scheduled-task-created", "A scheduled task was created.", {"TaskName": r"\Cleanup"}
            ),
            "cloudtrail": aws("events:PutRule", {"name": "cleanup", "scheduleExpression": "rate(1 hour)"}),
            "kubernetes": cluster(request("create", "cronjobs", "shop", "cleanup", "batch")),
        },
        "connection blocked": {
            "syslog": syslog(
                "kernel", "[UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.9 DST=10.20.2.11 PROTO=TCP DPT=445"
            ),
            "windows": windows(
                5157,
                "connection-denied",
                "The Windows Filtering Platform has blocked a connection.",
                {"SourceAddress": "{address}", "DestPort": "445"},
            ),
            "cisco": syslog(
                "fw-1", "%ASA-4-106023: Deny tcp src outside:203.0.113.9/4412 dst inside:10.20.2.11/445"
            ),
        },
    }


def written_lines() -> Iterator[tuple[str, str, str]]:
    """Meaning, format and line of the set of writings."""
    draw, micros = Draw(SEED), round(START * 1_000_000)
    for meaning, formats in meanings().items():
        for name, write in formats.items():
            for _ in range(DRAWS):
                micros += draw.gap(0.01)
                yield meaning, name, write(draw, Moment(micros))


def event_lines() -> Iterator[tuple[str, str]]:
    """What an event says in English, and the event with its id and data but no message."""
    draw, micros = Draw(SEED), round(START * 1_000_000)
    for code, (text, data) in EVENTS.items():
        micros += draw.gap(0.01)
        record = json.loads(windows(code, "", "", data)(draw, Moment(micros)))
        del record["message"], record["event"]["action"], record["event"]["outcome"]
        yield text, json.dumps(record, separators=(",", ":"))


def table(columns: str, rows: Iterator[tuple[str, ...]]) -> str:
    """Rows under their columns; no field holds a tab."""
    return "".join("\t".join(row) + "\n" for row in [tuple(columns.split()), *rows])


def files() -> dict[str, str]:
    """Name to content of the files that this module makes."""
    return {
        "writings.tsv": table("meaning format line", written_lines()),
        "events.tsv": table("text line", event_lines()),
    }


if __name__ == "__main__":
    for name, content in files().items():
        (SETS / name).write_text(content)
