"""syslog-ng's JSON and its enterprise-wide message model. All messages are made up."""

import pytest

from connectors.records import HOST, WARN
from tests.connectors.envelopes.messages import is_plain, read_one, same_as_alone

EVENT = {
    "TAGS": [".source.s_net"],
    "SOURCEIP": "192.0.2.4",
    "SEQNUM": "12",
    "PROGRAM": "cron",
    "PRIORITY": "warning",
    "PID": "901",
    "MESSAGE": "(root) CMD (run-parts /etc/cron.hourly)",
    "HOST": "gate",
    "FACILITY": "cron",
    "DATE": "Nov 25 10:00:00",
}
EWMM = "<12>1 2026-11-25T10:00:00.250+00:00 relay @syslog-ng - - "
PAIRS = '{"MESSAGE":"disk full","PROGRAM":"df","HOST_FROM":"gate","HOST":"gate","._TAGS":".source.s_file"}'


class TestJson:
    def test_reads_as_the_syslog_line(self):
        record = read_one(EVENT)
        assert same_as_alone(
            record, "Nov 25 10:00:00 gate cron[901]: (root) CMD (run-parts /etc/cron.hourly)"
        )
        assert (record.envelope, record.severity) == ("syslog-ng", WARN)

    def test_an_iso_date_goes_before_one_without_year_and_zone(self):
        record = read_one({**EVENT, "ISODATE": "2026-11-25T10:00:00+02:00"})
        assert record.time == 1795593600.0

    def test_what_a_parser_added_are_columns(self):
        record = read_one(
            {**EVENT, "usracct": {"a": 1}, "user": "amy", "tries": 3, "_source": "x", ".sd": "y"}
        )
        assert record.fields["user"] == "amy"
        assert record.fields["tries"] == "3"
        assert not {"_source", ".sd", "usracct", "SEQNUM", "DATE"} & record.fields.keys()
        assert "amy" not in record.text

    def test_numbers_are_read_as_their_text(self):
        assert read_one({**EVENT, "PID": 901}).fields["process.pid"] == "901"


class TestEwmm:
    def test_the_pairs_are_the_event_and_the_header_says_the_rest(self):
        record = read_one(EWMM + "-" + PAIRS)
        assert (record.text, record.time, record.severity) == ("df: disk full", 1795600800.25, WARN)
        assert record.fields[HOST] == "gate"
        assert record.envelope == "ewmm/syslog-ng"

    @pytest.mark.parametrize("data", ["- ", '[meta sequenceId="1"] ', '[a b="{x}"][c d="e"] '])
    def test_structured_data_may_stand_before(self, data):
        assert read_one(EWMM + data + PAIRS).text == "df: disk full"

    def test_broken_pairs_are_a_parse_error(self):
        record = read_one(EWMM + '- {"MESSAGE":')
        assert record.parse_error

    @pytest.mark.parametrize("text", [EWMM, EWMM + "-", EWMM + "- none", "<12>1 @syslog-ng", "@syslog-ng {}"])
    def test_what_has_no_pairs_is_a_line(self, text):
        record = read_one(text)
        assert "ewmm" not in record.envelope
        assert record.text


@pytest.mark.parametrize(
    "event",
    [
        {"MESSAGE": "saved", "USER": "amy"},
        {"MESSAGE": "saved", "PROGRAM": "erp"},
        {"MESSAGE": "saved", "HOST": "gate"},
        {"PROGRAM": "erp", "HOST": "gate"},
        {**EVENT, "MESSAGE": 5},
    ],
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
