"""logfmt and the Linux audit log. All sample lines are made up."""

import calendar

import pytest

from connectors.formats import parse

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that most sample lines state, in epoch seconds."""


class TestLogfmt:
    def test_quoted_bare_and_parenthesised_values_are_read(self):
        record = parse(b'level=warn msg="queue \\"a\\" full" mode=\'read only\' peer=(two hosts) n=3,')
        assert record.format == "logfmt"
        assert record.fields == {
            "level": "warn",
            "msg": 'queue "a" full',
            "mode": "read only",
            "peer": "(two hosts)",
            "n": "3",
        }

    def test_the_text_leaves_out_times_and_empty_values_and_keeps_the_order(self):
        record = parse(b"time=2024-01-02T03:04:05Z level=info bytes=123456 path=/v1/x empty= code=200")
        assert record.text == "level=info bytes=123456 path=/v1/x code=200"
        assert record.time == MOMENT
        assert record.fields["empty"] == ""

    def test_date_and_time_in_two_fields_are_one_time(self):
        assert parse(b"date=2024-01-02 time=03:04:05 dev=fw1 act=deny").time == MOMENT

    def test_words_between_the_pairs_are_kept(self):
        record = parse(b"level=info component=scheduler worker=alpha retry now attempt=3")
        assert record.text == "level=info component=scheduler worker=alpha attempt=3 retry now"
        assert record.fields["words"] == "retry now"

    @pytest.mark.parametrize(
        "line",
        [
            "a=1 b=2",
            "x=1 y=2 z=3 " + "then a long sentence follows " * 3,
            "sum a=1 b=2 c=3",
            "if (a==b) c=d",
            "====",
        ],
    )
    def test_fewer_pairs_or_mostly_other_text_is_raw(self, line):
        assert parse(line.encode()).format == "raw"

    def test_an_audit_record_has_its_time_and_no_serial_in_the_text(self):
        record = parse(
            b'type=SYSCALL msg=audit(1704164645.250:99): syscall=59 a0=2F62 exit=0 comm="tar" key=(null)'
        )
        assert record.format == "logfmt"
        assert record.text == "type=SYSCALL syscall=59 a0=2F62 exit=0 comm=tar key=(null)"
        assert record.time == MOMENT + 0.25
        assert record.fields["msg"] == "audit(1704164645.250:99):"

    def test_an_audit_records_inner_message_gives_dotted_fields(self):
        record = parse(
            b"type=USER_AUTH msg=audit(1704164645.0:7): pid=8 msg='op=PAM:auth acct=\"eve\" res=failed'"
        )
        assert record.text == "type=USER_AUTH pid=8 op=PAM:auth acct=eve res=failed"
        assert record.fields["msg.acct"] == "eve"

    def test_hex_encoded_audit_fields_are_decoded(self):
        title = b"ls\0-la".hex().upper()
        assert (
            parse(f"type=PROCTITLE msg=audit(1.5:7): proctitle={title}".encode()).fields["proctitle"]
            == "ls -la"
        )
        record = parse(b"type=EXECVE msg=audit(1.5:7): argc=2 a0=6C73 a1=2D6C")
        assert record.text == "type=EXECVE argc=2 a0=ls a1=-l"

    def test_an_audit_record_without_fields_is_still_one(self):
        assert parse(b"type=EOE msg=audit(1704164645.0:7):").text == "type=EOE"
