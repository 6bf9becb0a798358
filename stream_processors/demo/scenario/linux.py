"""Linux servers: sshd over RFC 3164 syslog, and auditd."""

from __future__ import annotations

from stream_processors.demo.scenario import cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment
from stream_processors.demo.scenario.template import System, Writer

SSHD = System("sshd", share=0.045, swing=0.5)
AUDITD = System("auditd", share=0.10, swing=0.1)

AUTH_INFO = 38  # facility auth, severity info: sshd's own messages
AUTHPRIV_INFO = 86  # PAM's messages go to authpriv


def sshd_line(now: Moment, host: str, pid: int, message: str, priority: int = AUTH_INFO) -> str:
    """Return one syslog line of sshd."""
    return f"<{priority}>{now.syslog()} {host} sshd[{pid}]: {message}"


def _ordinary(draw: Draw, now: Moment, message: str, priority: int = AUTH_INFO) -> str:
    return sshd_line(now, draw.favour(cast.LINUX).name, draw.between(800, 65000), message, priority)


def _login(draw: Draw) -> cast.Account:
    """Return who logs in: machines do it more often than people."""
    return draw.favour(cast.SERVICE_ACCOUNTS) if draw.chance(0.6) else draw.pick(cast.ENGINEERS)


def port(draw: Draw) -> int:
    """Return an ephemeral port."""
    return draw.between(32768, 60999)


@SSHD.kind("accepted_publickey", 30)
def _accepted_publickey(draw: Draw, now: Moment) -> str:
    who = _login(draw)
    kind = "RSA" if who.uid % 3 == 0 else "ED25519"
    message = f"Accepted publickey for {who.login} from {who.address} port {port(draw)} ssh2: {kind}"
    return _ordinary(draw, now, f"{message} {who.fingerprint}")


@SSHD.kind("session_opened", 22)
def _session_opened(draw: Draw, now: Moment) -> str:
    return _ordinary(draw, now, session_opened(_login(draw)), AUTHPRIV_INFO)


def session_opened(who: cast.Account) -> str:
    """Return PAM's message at the start of a session."""
    return f"pam_unix(sshd:session): session opened for user {who.login}(uid={who.uid}) by (uid=0)"


@SSHD.kind("session_closed", 20)
def _session_closed(draw: Draw, now: Moment) -> str:
    message = f"pam_unix(sshd:session): session closed for user {_login(draw).login}"
    return _ordinary(draw, now, message, AUTHPRIV_INFO)


@SSHD.kind("received_disconnect", 11)
def _received_disconnect(draw: Draw, now: Moment) -> str:
    who = _login(draw)
    message = f"Received disconnect from {who.address} port {port(draw)}:11: disconnected by user"
    return _ordinary(draw, now, message)


@SSHD.kind("disconnected", 10)
def _disconnected(draw: Draw, now: Moment) -> str:
    who = _login(draw)
    return _ordinary(draw, now, f"Disconnected from user {who.login} {who.address} port {port(draw)}")


@SSHD.kind("closed_preauth", 6)
def _closed_preauth(draw: Draw, now: Moment) -> str:
    return _ordinary(draw, now, f"Connection closed by {cast.MONITOR} port {port(draw)} [preauth]")


@SSHD.kind("sftp", 3.5)
def _sftp(draw: Draw, now: Moment) -> str:
    return _ordinary(draw, now, f"subsystem request for sftp by user {_login(draw).login}")


@SSHD.kind("failed_password", 2.2)
def _failed_password(draw: Draw, now: Moment) -> str:
    who = draw.pick(cast.ENGINEERS)
    return _ordinary(draw, now, failed_password(who.login, who.address, port(draw)))


def failed_password(login: str, address: str, source_port: int) -> str:
    """Return sshd's message for a wrong password."""
    return f"Failed password for {login} from {address} port {source_port} ssh2"


@SSHD.kind("accepted_password", 1.0)
def _accepted_password(draw: Draw, now: Moment) -> str:
    who = draw.pick(cast.ENGINEERS)
    return _ordinary(draw, now, accepted_password(who.login, who.address, port(draw)))


def accepted_password(login: str, address: str, source_port: int) -> str:
    """Return sshd's message for a login with a password."""
    return f"Accepted password for {login} from {address} port {source_port} ssh2"


@SSHD.kind("invalid_user", 0.5)
def _mistyped_user(draw: Draw, now: Moment) -> str:
    who = draw.pick(cast.ENGINEERS)
    at = draw.between(1, len(who.login) - 2)
    mistyped = who.login[:at] + who.login[at + 1] + who.login[at] + who.login[at + 2 :]
    return _ordinary(draw, now, f"Invalid user {mistyped} from {who.address} port {port(draw)}")


@SSHD.kind("kex_closed", 0.5)
def _kex_closed(draw: Draw, now: Moment) -> str:
    return _ordinary(draw, now, "error: kex_exchange_identification: Connection closed by remote host", 35)


@SSHD.kind("listening", 0.3)
def _listening(draw: Draw, now: Moment) -> str:
    return _ordinary(draw, now, f"Server listening on {draw.pick(('0.0.0.0', '::'))} port 22.")


# comm, exe, arguments of what the servers run all day
_COMMANDS = (
    ("cron", "/usr/sbin/cron", ("/usr/sbin/cron", "-f")),
    ("sh", "/usr/bin/dash", ("/bin/sh", "-c", "test -x /usr/sbin/anacron")),
    ("run-parts", "/usr/bin/run-parts", ("run-parts", "--report", "/etc/cron.hourly")),
    ("node_exporter", "/usr/local/bin/node_exporter", ("/usr/local/bin/node_exporter",)),
    ("logrotate", "/usr/sbin/logrotate", ("logrotate", "/etc/logrotate.conf")),
    ("rsync", "/usr/bin/rsync", ("rsync", "-a", "/srv/exports/", "files-01:/srv/mirror/")),
    ("systemctl", "/usr/bin/systemctl", ("systemctl", "reload", "nginx")),
    ("python3", "/usr/bin/python3.11", ("python3", "/opt/ansible/AnsiballZ_setup.py")),
    ("git", "/usr/bin/git", ("git", "fetch", "--prune", "origin")),
    ("pg_dump", "/usr/lib/postgresql/15/bin/pg_dump", ("pg_dump", "-Fc", "orders")),
    ("curl", "/usr/bin/curl", ("curl", "-sf", "http://127.0.0.1:9100/metrics")),
)
_UNITS = ("logrotate", "apt-daily", "fstrim", "nginx", "postgresql@15-main", "node_exporter", "man-db")


def audit_line(now: Moment, kind: str, fields: str) -> str:
    """Return one auditd record; serials grow with time as the kernel's do."""
    return f"type={kind} msg=audit({now.audit()}:{now.counter(40_000, 31_000)}): {fields}"


def syscall(draw: Draw, now: Moment, auid: int, program: tuple[str, str], *, key: str = "exec") -> str:
    """Return the SYSCALL record of the execve of a program (comm, exe) that runs as root for `auid`."""
    comm, exe = program
    pid = draw.between(900, 98000)
    parent = pid - draw.between(1, 90)
    registers = " ".join(f"a{i}=55{draw.hex(10)}" for i in range(3))
    return audit_line(
        now,
        "SYSCALL",
        f"arch=c000003e syscall=59 success=yes exit=0 {registers} a3=8 items=2"
        f" ppid={parent} pid={pid} auid={auid} uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0"
        f' tty=(none) ses={draw.between(2, 9000)} comm="{comm}" exe="{exe}" subj=unconfined key="{key}"',
    )


def execve(now: Moment, arguments: tuple[str, ...]) -> str:
    """Return the EXECVE record of a command; auditd writes arguments with a blank in them as hex."""
    words = (f'"{a}"' if " " not in a else a.encode().hex().upper() for a in arguments)
    fields = " ".join(f"a{i}={word}" for i, word in enumerate(words))
    return audit_line(now, "EXECVE", f"argc={len(arguments)} {fields}")


def user_message(draw: Draw, now: Moment, kind: str, auid: int, message: str) -> str:
    """Return a record that a program (sshd, cron, systemd) sent to auditd."""
    pid, session = draw.between(900, 98000), draw.between(2, 9000)
    return audit_line(now, kind, f"pid={pid} uid=0 auid={auid} ses={session} subj=unconfined msg='{message}'")


def remote(address: str, terminal: str = "ssh", result: str = "success") -> str:
    """Return the tail of sshd's audit messages: where from, on what, with what result."""
    return f'exe="/usr/sbin/sshd" hostname={address} addr={address} terminal={terminal} res={result}'


@AUDITD.kind("syscall", 34)
def _syscall(draw: Draw, now: Moment) -> str:
    comm, exe, _ = draw.favour(_COMMANDS)
    return syscall(draw, now, draw.favour((4294967295, 1004, 1006, 1101)), (comm, exe))


@AUDITD.kind("execve", 18)
def _execve(draw: Draw, now: Moment) -> str:
    return execve(now, draw.favour(_COMMANDS)[2])


@AUDITD.kind("proctitle", 12)
def _proctitle(draw: Draw, now: Moment) -> str:
    title = "\0".join(draw.favour(_COMMANDS)[2]).encode().hex().upper()
    return audit_line(now, "PROCTITLE", f"proctitle={title}")


@AUDITD.kind("path", 10)
def _path(draw: Draw, now: Moment) -> str:
    return audit_line(
        now,
        "PATH",
        f'item=0 name="{draw.favour(_COMMANDS)[1]}" inode={draw.between(131000, 930000)} dev=fd:01'
        " mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0",
    )


# name, audit type, operation, weight; cron and sshd send these around every session
_CRON = 'exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success'
_PAM = (
    ("cred_acq", "CRED_ACQ", "PAM:setcred grantors=pam_permit", 6.0),
    ("cred_disp", "CRED_DISP", "PAM:setcred grantors=pam_permit", 4.5),
    ("user_acct", "USER_ACCT", "PAM:accounting grantors=pam_unix", 4.0),
    ("user_start", "USER_START", "PAM:session_open grantors=pam_selinux,pam_limits,pam_unix", 3.5),
    ("user_end", "USER_END", "PAM:session_close grantors=pam_selinux,pam_limits,pam_unix", 3.0),
)


def pam_message(operation: str, who: cast.Account, where: str) -> str:
    """Return what PAM tells auditd about `who`."""
    return f'op={operation} acct="{who.login}" {where}'


def _pam_writer(kind: str, operation: str) -> Writer:
    def write(draw: Draw, now: Moment) -> str:
        who = _login(draw)
        where = _CRON if draw.chance(0.4) else remote(who.address)
        return user_message(draw, now, kind, who.uid, pam_message(operation, who, where))

    return write


for _name, _kind, _operation, _weight in _PAM:
    AUDITD.add(_name, _weight, _pam_writer(_kind, _operation))


@AUDITD.kind("user_login", 2.4)
def _user_login(draw: Draw, now: Moment) -> str:
    who = _login(draw)
    message = f"op=login id={who.uid} {remote(who.address, f'/dev/pts/{draw.below(6)}')}"
    return user_message(draw, now, "USER_LOGIN", who.uid, message)


def service_start(draw: Draw, now: Moment, unit: str, kind: str = "SERVICE_START") -> str:
    """Return systemd's audit record for the start (or stop) of a unit."""
    message = f'unit={unit} comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=?'
    return user_message(draw, now, kind, 4294967295, f"{message} res=success")


@AUDITD.kind("service_start", 1.6)
def _service_start(draw: Draw, now: Moment) -> str:
    return service_start(draw, now, draw.favour(_UNITS))


@AUDITD.kind("service_stop", 1.4)
def _service_stop(draw: Draw, now: Moment) -> str:
    return service_start(draw, now, draw.favour(_UNITS), "SERVICE_STOP")


@AUDITD.kind("config_change", 0.3)
def _config_change(draw: Draw, now: Moment) -> str:
    fields = f'auid=4294967295 ses=4294967295 subj=unconfined op=add_rule key="{draw.pick(("exec", "time"))}"'
    return audit_line(now, "CONFIG_CHANGE", f"{fields} list=4 res=1")


@AUDITD.kind("apparmor_denied", 0.3)
def _apparmor_denied(draw: Draw, now: Moment) -> str:
    return audit_line(
        now,
        "AVC",
        f'apparmor="DENIED" operation="open" profile="/usr/sbin/cupsd" name="/etc/paperspecs"'
        f' pid={draw.between(900, 98000)} comm="cupsd" requested_mask="r" denied_mask="r" fsuid=0 ouid=0',
    )


@AUDITD.kind("add_user", 0.15)
def _add_user(draw: Draw, now: Moment) -> str:
    message = f'op=add-user acct="{draw.pick(cast.PEOPLE).login}" exe="/usr/sbin/useradd"'
    return user_message(
        draw, now, "ADD_USER", 1006, f"{message} hostname=app-01 addr=? terminal=pts/1 res=success"
    )
