"""Windows events as winlogbeat ships them: one JSON object per line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from stream_processors.demo.scenario import cast
from stream_processors.demo.scenario.draw import Draw
from stream_processors.demo.scenario.moment import Moment
from stream_processors.demo.scenario.template import System, Writer, compact_json

WINDOWS = System("windows", share=0.17, swing=0.35)

Data = dict[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """What all events with one id have in common."""

    code: int
    action: str
    message: str
    channel: str = "Security"
    outcome: str = "success"
    computers: tuple[cast.Host, ...] = cast.WINDOWS_SERVERS


_OWNERS = {who.workstation: who for who in cast.PEOPLE}
_PROVIDERS = {"Security": "Microsoft-Windows-Security-Auditing", "System": "Service Control Manager"}


def event_line(now: Moment, event: Event, computer: str, data: Data) -> str:
    """Return one event; record ids grow with time as they do in a real channel."""
    record: dict[str, object] = {
        "@timestamp": now.iso_millis(),
        "event": {
            "code": str(event.code),
            "provider": _PROVIDERS[event.channel],
            "action": event.action,
            "outcome": event.outcome,
        },
        "host": {"name": computer.lower()},
        "message": event.message,
        "winlog": {
            "channel": event.channel,
            "computer_name": f"{computer}.{cast.DOMAIN}",
            "event_id": event.code,
            "record_id": now.counter(700_000, 11_000),
            "event_data": data,
        },
    }
    return compact_json(record)


def _logon_id(draw: Draw) -> str:
    return f"0x{draw.between(0x3E800, 0xFFFFFFF):x}"


def _person_fields(draw: Draw, prefix: str, who: cast.Person) -> Data:
    return {
        f"{prefix}UserSid": who.sid,
        f"{prefix}UserName": who.login,
        f"{prefix}DomainName": cast.REALM,
        f"{prefix}LogonId": _logon_id(draw),
    }


def system_fields(computer: str) -> Data:
    """Return the subject fields of something the machine itself did."""
    return {
        "SubjectUserSid": "S-1-5-18",
        "SubjectUserName": f"{computer}$",
        "SubjectDomainName": cast.REALM,
        "SubjectLogonId": "0x3e7",
    }


def _network_logon(draw: Draw, _: str) -> Data:
    who = draw.favour(cast.PEOPLE)
    return {
        **_person_fields(draw, "Target", who),
        "LogonType": "3",
        "LogonProcessName": "Kerberos",
        "AuthenticationPackageName": "Kerberos",
        "WorkstationName": "-",
        "IpAddress": who.address,
        "IpPort": str(draw.between(49152, 65535)),
    }


def _interactive_logon(draw: Draw, computer: str) -> Data:
    who = _OWNERS[computer]
    return {
        **_person_fields(draw, "Target", who),
        "LogonType": draw.favour(("2", "7", "11")),
        "LogonProcessName": "User32 ",
        "AuthenticationPackageName": "Negotiate",
        "WorkstationName": who.workstation,
        "IpAddress": "127.0.0.1",
        "IpPort": "0",
    }


def _service_logon(_: Draw, computer: str) -> Data:
    return {
        **system_fields(computer),
        "TargetUserSid": "S-1-5-18",
        "TargetUserName": "SYSTEM",
        "TargetDomainName": "NT AUTHORITY",
        "LogonType": "5",
        "LogonProcessName": "Advapi  ",
        "ProcessName": r"C:\Windows\System32\services.exe",
    }


def _logoff(draw: Draw, _: str) -> Data:
    return {
        **_person_fields(draw, "Target", draw.favour(cast.PEOPLE)),
        "LogonType": draw.favour(("3", "7", "2")),
    }


def _privileges(draw: Draw, computer: str) -> Data:
    subject = system_fields(computer) if draw.chance(0.7) else _person_fields(draw, "Subject", cast.PEOPLE[0])
    return {
        **subject,
        "PrivilegeList": "SeSecurityPrivilege\n\t\t\tSeBackupPrivilege\n\t\t\tSeDebugPrivilege",
    }


# process, command line, parent
_PROCESSES = (
    (r"C:\Windows\System32\svchost.exe", "svchost.exe -k netsvcs -p -s Schedule", r"System32\services.exe"),
    (r"C:\Windows\System32\taskhostw.exe", "taskhostw.exe", r"System32\svchost.exe"),
    (r"C:\Windows\System32\conhost.exe", "conhost.exe 0xffffffff -ForceV1", r"System32\cmd.exe"),
    (
        r"C:\Windows\System32\SearchProtocolHost.exe",
        "SearchProtocolHost.exe Global",
        r"System32\SearchIndexer.exe",
    ),
    (r"C:\Windows\System32\wbem\WmiPrvSE.exe", "wmiprvse.exe -secured -Embedding", r"System32\svchost.exe"),
    (r"C:\Program Files\Example Office\sheet.exe", "sheet.exe /dde", "explorer.exe"),
    (r"C:\Program Files\Example Backup\agent.exe", "agent.exe --incremental", r"System32\services.exe"),
    (r"C:\Windows\System32\cmd.exe", r"cmd.exe /c C:\Scripts\map-drives.bat", r"System32\userinit.exe"),
    (
        r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        "powershell.exe -File inventory.ps1",
        r"System32\cmd.exe",
    ),
)


def _process_created(draw: Draw, computer: str) -> Data:
    name, command, parent = draw.favour(_PROCESSES)
    return {
        **system_fields(computer),
        "NewProcessId": f"0x{draw.between(0x100, 0x3FFF):x}",
        "NewProcessName": name,
        "CommandLine": command,
        "ParentProcessName": rf"C:\Windows\{parent}",
        "TokenElevationType": "%%1936",
    }


def _process_exited(draw: Draw, computer: str) -> Data:
    return {
        **system_fields(computer),
        "ProcessId": f"0x{draw.between(0x100, 0x3FFF):x}",
        "ProcessName": draw.favour(_PROCESSES)[0],
        "Status": "0x0",
    }


def _connection(draw: Draw, _: str) -> Data:
    return {
        "ProcessID": str(draw.between(4, 9000)),
        "Application": r"\device\harddiskvolume3\windows\system32\svchost.exe",
        "Direction": draw.favour(("%%14593", "%%14592")),
        "SourceAddress": draw.favour(cast.PEOPLE).address,
        "SourcePort": str(draw.between(49152, 65535)),
        "DestAddress": draw.favour(cast.WINDOWS_SERVERS).address,
        "DestPort": draw.favour(("53", "445", "389", "88", "135")),
        "Protocol": draw.favour(("17", "6")),
        "LayerName": "%%14611",
    }


def _ticket(draw: Draw, service: str) -> Data:
    who = draw.favour(cast.PEOPLE)
    return {
        "TargetUserName": f"{who.login}@{cast.DOMAIN.upper()}",
        "TargetDomainName": cast.DOMAIN.upper(),
        "ServiceName": service,
        "TicketOptions": "0x40810000",
        "TicketEncryptionType": "0x12",
        "IpAddress": f"::ffff:{who.address}",
        "IpPort": str(draw.between(49152, 65535)),
        "Status": "0x0",
    }


def _granting_ticket(draw: Draw, _: str) -> Data:
    return _ticket(draw, "krbtgt")


def _service_ticket(draw: Draw, _: str) -> Data:
    return _ticket(draw, f"{draw.favour(cast.WINDOWS_SERVERS).name}$")


def _credentials(draw: Draw, _: str) -> Data:
    who = draw.favour(cast.PEOPLE)
    return {
        "PackageName": "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0",
        "TargetUserName": who.login,
        "Workstation": who.workstation,
        "Status": "0x0",
    }


def _failed_logon(_: Draw, computer: str) -> Data:
    who = _OWNERS[computer]
    return {
        "TargetUserName": who.login,
        "TargetDomainName": cast.REALM,
        "Status": "0xc000006d",
        "SubStatus": "0xc000006a",
        "FailureReason": "%%2313",
        "LogonType": "2",
        "WorkstationName": who.workstation,
        "IpAddress": "127.0.0.1",
    }


def _group_listed(_: Draw, computer: str) -> Data:
    return {
        **system_fields(computer),
        "TargetUserName": "Administrators",
        "TargetDomainName": "Builtin",
        "TargetSid": "S-1-5-32-544",
        "CallerProcessName": r"C:\Program Files\Example Backup\agent.exe",
    }


def _service_state(draw: Draw, _: str) -> Data:
    service = draw.favour(
        ("Windows Update", "Background Intelligent Transfer Service", "Windows Time", "Spooler")
    )
    return {"param1": service, "param2": draw.favour(("running", "stopped"))}


def _locked_out(draw: Draw, computer: str) -> Data:
    who = draw.pick(cast.PEOPLE)
    return {**system_fields(computer), "TargetUserName": who.login, "TargetDomainName": who.workstation}


def _time_changed(_: Draw, computer: str) -> Data:
    return {**system_fields(computer), "ProcessName": r"C:\Windows\System32\svchost.exe"}


def service_fields(name: str, path: str) -> Data:
    """Return the data of event 7045."""
    return {
        "ServiceName": name,
        "ImagePath": path,
        "ServiceType": "user mode service",
        "StartType": "auto start",
        "AccountName": "LocalSystem",
    }


def _updated_service(draw: Draw, _: str) -> Data:
    version = f"24.{draw.between(1, 9)}"
    return service_fields(
        f"Example Backup Updater {version}", rf'"C:\Program Files\Example Backup\{version}\up.exe"'
    )


SERVICE_INSTALLED = Event(7045, "service-installed", "A service was installed in the system.", "System")
AUDITED_SERVICE_INSTALLED = Event(4697, "service-installed", "A service was installed in the system.")

_LOGON = Event(4624, "logged-in", "An account was successfully logged on.")
_FAILED = Event(
    4625, "logon-failed", "An account failed to log on.", outcome="failure", computers=cast.WORKSTATIONS
)
_UNLOCKED = replace(_LOGON, computers=cast.WORKSTATIONS)
_DCS = cast.DOMAIN_CONTROLLERS
_TGT = Event(4768, "granting-ticket", "A Kerberos TGT was requested.", computers=_DCS)
_TGS = Event(4769, "service-ticket", "A Kerberos service ticket was requested.", computers=_DCS)
_VALIDATED = Event(4776, "credential-validated", "Credentials were validated.", computers=_DCS)
_LOCKED = Event(4740, "locked-out", "A user account was locked out.", computers=_DCS)
_OPENED = Event(5156, "connection-permitted", "The Windows Filtering Platform has permitted a connection.")

_KINDS: tuple[tuple[str, float, Event, Callable[[Draw, str], Data]], ...] = (
    ("4624_network", 24, _LOGON, _network_logon),
    ("5156", 18, _OPENED, _connection),
    ("4634", 14, Event(4634, "logged-out", "An account was logged off."), _logoff),
    ("4688", 10, Event(4688, "created-process", "A new process has been created."), _process_created),
    ("4672", 8, Event(4672, "logged-in-special", "Special privileges assigned to new logon."), _privileges),
    ("4769", 7, _TGS, _service_ticket),
    ("4689", 5, Event(4689, "exited-process", "A process has exited."), _process_exited),
    ("4768", 4, _TGT, _granting_ticket),
    ("4624_service", 3, _LOGON, _service_logon),
    ("4776", 2.5, _VALIDATED, _credentials),
    ("4624_interactive", 2, _UNLOCKED, _interactive_logon),
    ("7036", 1.5, Event(7036, "service-state", "A service changed its state.", "System"), _service_state),
    ("4799", 0.8, Event(4799, "group-enumerated", "A local group membership was enumerated."), _group_listed),
    ("4625", 0.5, _FAILED, _failed_logon),
    ("4616", 0.15, Event(4616, "time-changed", "The system time was changed."), _time_changed),
    ("4740", 0.12, _LOCKED, _locked_out),
    ("7045", 0.08, SERVICE_INSTALLED, _updated_service),
)


def _writer(event: Event, data: Callable[[Draw, str], Data]) -> Writer:
    def write(draw: Draw, now: Moment) -> str:
        computer = draw.favour(event.computers).name
        return event_line(now, event, computer, data(draw, computer))

    return write


for _name, _weight, _event, _data in _KINDS:
    WINDOWS.add(_name, _weight, _writer(_event, _data))
