"""What Windows events say, in our own words, and the data that each has: ``{who}`` and ``{other}`` are people."""

from __future__ import annotations

from collections.abc import Mapping

EVENTS: dict[int, tuple[str, Mapping[str, str]]] = {
    4616: ("Somebody set the computer's clock", {"PreviousTime": "T", "NewTime": "T", "ProcessName": "w32tm.exe"}),
    4624: ("Successful logon of an account", {"TargetUserName": "{who}", "LogonType": "3"}),
    4625: ("Logon attempt that failed", {"TargetUserName": "{who}", "FailureReason": "%%2313", "LogonType": "3"}),
    4634: ("An account logged off, its session is over", {"TargetUserName": "{who}", "LogonType": "3"}),
    4648: ("Logon with explicitly given credentials", {"TargetServerName": "FS-01", "TargetUserName": "{other}"}),
    4656: ("A handle to a file or key was asked for", {"ObjectName": r"C:\Data\a.txt", "AccessMask": "0x1"}),
    4657: ("A registry value was modified", {"ObjectName": r"\REGISTRY\MACHINE\X", "ObjectValueName": "Run"}),
    4660: ("An object was deleted", {"HandleId": "0x1f4", "ProcessName": "cmd.exe"}),
    4663: ("A file was accessed", {"ObjectName": r"C:\Data\a.txt", "ObjectType": "File", "AccessList": "%%4416"}),
    4672: ("A powerful logon got special privileges", {"PrivilegeList": "SeDebugPrivilege"}),
    4688: ("A new process was created", {"NewProcessName": "cmd.exe", "CommandLine": "cmd.exe /c dir"}),
    4689: ("A process has ended", {"ProcessName": "cmd.exe", "Status": "0x0"}),
    4697: ("A service was installed in the system", {"ServiceName": "Updater", "ServiceFileName": "up.exe"}),
    4698: ("A scheduled task was created", {"TaskName": r"\Cleanup", "TaskContent": "<Task/>"}),
    4699: ("A scheduled task was deleted", {"TaskName": r"\Cleanup"}),
    4719: ("The system's audit policy was changed", {"CategoryId": "%%8274", "AuditPolicyChanges": "%%8448"}),
    4720: ("A user account was created", {"TargetUserName": "{other}", "SamAccountName": "{other}"}),
    4722: ("A disabled user account was enabled again", {"TargetUserName": "{other}"}),
    4723: ("A user tried to change their own password", {"TargetUserName": "{who}"}),
    4724: ("Somebody reset the password of an account", {"TargetUserName": "{other}"}),
    4725: ("A user account was disabled", {"TargetUserName": "{other}"}),
    4726: ("A user account was deleted", {"TargetUserName": "{other}"}),
    4728: ("A member was added to a global group", {"MemberName": "CN={other}", "TargetUserName": "Domain Admins"}),
    4732: ("A member was added to a local group", {"MemberSid": "S-1-5-21", "TargetUserName": "Administrators"}),
    4740: ("A user account was locked out", {"TargetUserName": "{other}", "TargetDomainName": "WS-07"}),
    4767: ("A locked user account was unlocked", {"TargetUserName": "{other}"}),
    4768: ("A Kerberos ticket-granting ticket was requested", {"ServiceName": "krbtgt", "TicketOptions": "0x40"}),
    4769: ("A Kerberos service ticket was requested", {"ServiceName": "FS-01$", "TicketEncryptionType": "0x12"}),
    4771: ("Kerberos pre-authentication failed", {"ServiceName": "krbtgt", "Status": "0x18", "PreAuthType": "2"}),
    4776: ("The domain controller checked an account's credentials", {"Workstation": "WS-07", "Status": "0x0"}),
    4778: ("A remote desktop session was reconnected", {"SessionName": "RDP-Tcp#3", "ClientName": "WS-07"}),
    4799: ("The members of a local group were listed", {"TargetUserName": "Administrators"}),
    5140: ("A network share was accessed", {"ShareName": r"\\*\IPC$", "IpAddress": "{address}"}),
    5156: ("The host firewall let a connection through", {"DestPort": "443", "Protocol": "6"}),
    5157: ("The host firewall blocked a connection", {"DestPort": "445", "Protocol": "6"}),
    1102: ("The audit log was cleared", {"SubjectUserName": "{who}"}),
}  # fmt: skip
"""Code of a Windows event to what it says and the data that such an event has."""
