"""Syslog with and without a priority, and what it carries. All sample lines are made up."""

import calendar

import pytest

from connectors.formats import parse
from connectors.records import ERROR, INFO, WARN, Record

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that most sample lines state, in epoch seconds."""


def epoch(*parts):
    return float(calendar.timegm((*parts, 0, 0, 0)[:6]))


class TestRfc3164:
    def test_header_fields_are_columns_and_the_text_is_program_and_message(self, at):
        at(2024, 6, 15)
        record = parse(b"<38>Jun 14 15:16:01 gate1 sshd[421]: Accepted key for eve")
        assert record == Record(
            text="sshd: Accepted key for eve",
            format="rfc3164",
            fields={
                "host.name": "gate1",
                "service.name": "sshd",
                "process.pid": "421",
                "facility": "auth",
                "severity": "info",
            },
            time=epoch(2024, 6, 14, 15, 16, 1),
            severity=INFO,
            message="Accepted key for eve",
        )

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("Jun 14 15:16:01 gate1 su(pam_unix)[42]: session opened", "su(pam_unix): session opened"),
            ("Jun  4 15:16:01 gate1 kernel: link is up", "kernel: link is up"),
            ("2024-01-02T03:04:05.678901+00:00 gate1 cron[3]: job started", "cron: job started"),
            ("Jun 14 15:16:01 gate1 Web Browser[42]: page crashed", "Web Browser: page crashed"),
            ("Jun 14 15:16:01 gate1 last message repeated 3 times", "last message repeated 3 times"),
            ("Jun 14 15:16:01 192.0.2.8 link is up", "link is up"),
            ("Jun 14 15:16:01 gate1 app[1]: 2024-01-02 03:04:05 job started", "app: job started"),
        ],
    )
    def test_lines_of_a_daemons_file_have_no_priority(self, line, text):
        record = parse(line.encode())
        assert (record.format, record.text) == ("rfc3164", text)
        assert "severity" not in record.fields

    @pytest.mark.parametrize(
        ("line", "text", "fields"),
        [
            ("<13>agent: ready", "agent: ready", {"service.name": "agent"}),
            ("<13>ready", "ready", {}),
            ("<13> Jun 14 15:16:01 gate1 %LINK up: port 4", "%LINK up: port 4", {"host.name": "gate1"}),
            ("<13>Jun 14 15:16:01 gate1 link is up", "link is up", {"host.name": "gate1"}),
            ("<13>Jun 14 15:16:01 agent: ready", "agent: ready", {"service.name": "agent"}),
            ("<13>Jun 14 15:16:01 gate1 agent:", "agent", {"service.name": "agent"}),
        ],
    )
    def test_parts_of_the_header_may_be_missing(self, line, text, fields):
        record = parse(line.encode())
        assert (record.format, record.text) == ("rfc3164", text)
        assert fields.items() <= record.fields.items()
        assert record.fields["severity"] == "notice"

    @pytest.mark.parametrize(
        "line",
        [
            "<192>Jun 14 15:16:01 h p: m",
            "<a>b",
            "<Event/>",
            "Jun 14 15:16:01 nothing else here",
        ],
    )
    def test_other_lines_are_raw(self, line):
        record = parse(line.encode())
        assert (record.format, record.parse_error) == ("raw", None)

    @pytest.mark.parametrize(
        ("priority", "severity"),
        [(0, 21), (1, 19), (2, 18), (3, 17), (4, 13), (5, 10), (6, 9), (7, 5), (191, 5), (186, 18)],
    )
    def test_the_priority_is_a_severity(self, priority, severity):
        assert parse(f"<{priority}>agent: ready".encode()).severity == severity

    @pytest.mark.parametrize(
        ("message", "text", "columns"),
        [
            ("ERROR: disk is full", "disk is full", {"level": "ERROR"}),
            ("2024-01-02 03:04:05,678 ERROR [main] org.example.Disk: full", "full", {"thread.name": "main"}),
            ("E0102 03:04:05.678901 7 disk.go:12] full", "full", {"code.file.path": "disk.go"}),
            ("[error] disk is full", "disk is full", {"level": "error"}),
            ("error: disk is full", "error: disk is full", {}),
        ],
    )
    def test_a_loggers_header_in_the_message_counts_more_than_the_priority(self, message, text, columns):
        record = parse(f"<14>Jun 14 15:16:01 gate1 app[5]: {message}".encode())
        assert (record.text, record.message, record.severity) == (f"app: {text}", text, ERROR)
        assert {**columns, "process.pid": "5"}.items() <= record.fields.items()

    def test_a_level_is_no_program(self):
        record = parse(b"<14>Jun 14 15:16:01 gate1 WARNING: low on memory")
        assert (record.text, record.severity) == ("low on memory", WARN)
        assert "service.name" not in record.fields

    @pytest.mark.parametrize(
        ("line", "column"),
        [
            ("Jun 14 15:16:01 kdc1 krb5kdc[7](error): no key", ("level", "error")),
            (
                "Jun 14 15:16:01 mac1 launchd[1] (com.example.job[7]): no key",
                ("header", "com.example.job[7]"),
            ),
        ],
    )
    def test_what_stands_behind_a_program_is_no_message(self, line, column):
        record = parse(line.encode())
        assert record.message == "no key"
        assert column in record.fields.items()


class TestRfc5424:
    def test_header_structured_data_and_message(self):
        record = parse(
            b'<165>1 2024-01-02T03:04:05.25Z gate1 app 77 ID9 [ex@9 a="1" b="x \\"y\\" \\]"][z q=""] '
            b"\xef\xbb\xbfhello"
        )
        assert record == Record(
            text="app: hello",
            format="rfc5424",
            fields={
                "host.name": "gate1",
                "service.name": "app",
                "process.pid": "77",
                "facility": "local4",
                "severity": "notice",
                "msgid": "ID9",
                "ex@9.a": "1",
                "ex@9.b": 'x "y" ]',
                "z.q": "",
            },
            time=MOMENT + 0.25,
            severity=INFO + 1,
            message="hello",
        )

    def test_dashes_stand_for_nothing(self):
        record = parse(b"<14>1 - - - - - - hello")
        assert (record.text, record.time) == ("hello", None)
        assert record.fields == {"facility": "user", "severity": "info"}

    def test_without_a_message_the_structured_data_is_the_text(self):
        assert parse(b'<14>1 - fw1 app - - [s a="drop" n="123456"]').text == "app: a=drop n=123456"

    def test_broken_structured_data_stays_in_the_message(self):
        assert parse(b'<14>1 - fw1 app - - [s a="drop').text == 'app: [s a="drop'


class TestPayloadInSyslog:
    def test_json_gives_its_fields_beside_the_headers(self):
        record = parse(b'<14>Jun 14 15:16:01 gate1 app[5]: {"event":"login","host":"inner","id":123456}')
        assert (record.format, record.text) == ("json", "app: event=login host=inner id=123456")
        assert record.fields == {
            "host.name": "gate1",
            "service.name": "app",
            "process.pid": "5",
            "facility": "user",
            "severity": "info",
            "event": "login",
            "host": "inner",
            "id": "123456",
        }

    @pytest.mark.parametrize(
        "header",
        [
            "<14>Jun 14 15:16:01 gate1 ",
            "Jun 14 15:16:01 gate1 ",
            "<14>1 2024-01-02T03:04:05Z gate1 - - - - ",
            "2024-01-02T03:04:05Z gate1 ",
        ],
    )
    def test_cef_without_a_program(self, header):
        record = parse(f"{header}CEF:0|Acme|Wall|1|9|Scan|5|src=192.0.2.1 act=deny".encode())
        assert record.format == "cef"
        assert record.fields["host.name"] == "gate1"
        assert record.fields["src"] == "192.0.2.1"
        assert record.text.startswith("deviceVendor=Acme")

    def test_an_access_line_and_logfmt(self):
        access = parse(
            b'Jun 14 15:16:01 h nginx: 192.0.2.1 - - [02/Jan/2024:03:04:05 +0000] "GET / HTTP/1.1" 200 5'
        )
        assert (access.format, access.text) == ("access", "nginx: method=GET path=/ status=200")
        logfmt = parse(b"Jun 14 15:16:01 h dockerd[9]: time=2024-01-02T03:04:05Z level=info msg=ready")
        assert (logfmt.format, logfmt.text) == ("logfmt", "dockerd: level=info msg=ready")

    def test_a_broken_payload_is_a_plain_message(self):
        record = parse(b"<14>Jun 14 15:16:01 gate1 app: {oops")
        assert (record.format, record.text, record.parse_error) == ("rfc3164", "app: {oops", None)
