"""Windows events as XML. All sample events are made up."""

import calendar

import pytest

from connectors.formats import parse, parse_text
from connectors.formats.winxml import LONGEST
from connectors.records import DEBUG, ERROR, FATAL, HOST, INFO, LEVEL, PID, UNSTATED, WARN

SYSTEM = (
    "<System><Provider Name='Shop-Auditing' Guid='{11111111-2222-3333-4444-555555555555}'/><EventID>4625</EventID>"
    "<Version>0</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode><Keywords>0x8010000000000000</Keywords>"
    "<TimeCreated SystemTime='2026-11-25T10:00:00.5000000Z'/><EventRecordID>50001</EventRecordID>"
    "<Correlation ActivityID='{11111111-2222-3333-4444-666666666666}'/><Execution ProcessID='832' ThreadID='4590'/>"
    "<Channel>Security</Channel><Computer>dc1.example.com</Computer><Security UserID='S-1-5-18'/></System>"
)
DATA = (
    "<Data Name='TargetUserName'>ana</Data><Data Name='MemberSid'>S-1-5-21-1-2-3</Data>"
    "<Data Name='TargetLogonId'>0x3e7</Data><Data Name='LogonType'>3</Data><Data Name='Reason'>-</Data>"
)
EVENT = f"<Event xmlns='http://schemas.example.com/event'>{SYSTEM}<EventData>{DATA}</EventData></Event>"
TEXT = (
    "Provider=Shop-Auditing EventID=4625 Channel=Security TargetUserName=ana MemberSid=S-1-5-21-1-2-3 "
    "TargetLogonId=0x3e7 LogonType=3"
)


def with_data(data):
    return parse_text(f"<Event>{SYSTEM}{data}</Event>")


class TestEvent:
    def test_system_and_data_are_columns(self):
        record = parse_text(EVENT)
        assert record.format == "winxml"
        assert record.time == calendar.timegm((2026, 11, 25, 10, 0, 0)) + 0.5
        assert record.text == TEXT
        fields = record.fields
        assert (fields[HOST], fields[PID], fields["EventRecordID"]) == ("dc1.example.com", "832", "50001")
        assert (fields["TargetLogonId"], fields["MemberSid"]) == ("0x3e7", "S-1-5-21-1-2-3")
        assert record.message is None and record.parse_error is None

    @pytest.mark.parametrize(
        "change",
        [
            ("'", '"'),
            ("><", ">\n  <"),
            ("/>", " />"),
            ("<Version>0</Version>", ""),
            ("<Event ", "<?xml version='1.0' encoding='utf-8'?>\n<Event "),
            ("<Data Name='TargetUserName'>ana</Data>", "<Data Name='TargetUserName'><![CDATA[ana]]></Data>"),
            ("ana", "&#97;na"),
        ],
    )
    def test_other_spellings_say_the_same(self, change):
        record = parse_text(EVENT.replace(*change))
        plain = parse_text(EVENT)
        plain.fields.pop("Version")
        record.fields.pop("Version", None)
        assert record == plain

    def test_inside_a_syslog_message(self):
        record = parse(b"<13>Nov 25 10:00:00 dc1 " + EVENT.encode())
        assert record.format == "winxml" and record.fields["EventID"] == "4625"

    def test_escapes_are_undone(self):
        assert (
            with_data("<EventData><Data Name='Line'>a &lt; b &amp;&amp; c</Data></EventData>").fields["Line"]
            == "a < b && c"
        )


class TestData:
    def test_values_without_a_name_are_one_column(self):
        for data in (
            "<Data>Shop &gt; hats</Data><Data>7</Data><Data/>",
            "<Data>Shop > hats</Data><Data>7</Data><Data/>",
        ):
            record = with_data(f"<EventData>{data}</EventData>")
            assert record.fields["Data"] == "Shop > hats,7,"
            assert record.text.endswith("Channel=Security Data=Shop > hats,7,")

    def test_user_data_has_the_names_of_its_elements(self):
        record = with_data(
            "<UserData><Sale xmlns='http://example.com/sale'><Item>hat</Item><Of><Shop>7</Shop></Of></Sale></UserData>"
        )
        assert record.text.endswith("Channel=Security Item=hat Shop=7")

    def test_a_name_of_the_system_is_not_overwritten(self):
        record = with_data("<EventData><Data Name='EventID'>7</Data></EventData>")
        assert (record.fields["EventID"], record.fields["Data.EventID"]) == ("4625", "7")

    def test_the_rendered_message_is_for_people_by_its_first_line(self):
        record = with_data(
            "<EventData><Data Name='User'>ana</Data></EventData><RenderingInfo Culture='en-US'>"
            "<Message>A sale failed.\r\n\r\nUser:\tana</Message><Level>Information</Level></RenderingInfo>"
        )
        assert record.message == "A sale failed."
        assert record.text == "Provider=Shop-Auditing EventID=4625 Channel=Security User=ana A sale failed."


class TestSeverity:
    @pytest.mark.parametrize(
        ("level", "keywords", "severity", "word"),
        [
            ("1", "0x0", FATAL, "Critical"),
            ("2", "0x80000000000000", ERROR, "Error"),
            ("3", "0x0", WARN, "Warning"),
            ("4", "0x8000000000000000", INFO, "Information"),
            ("5", "0x0", DEBUG, "Verbose"),
            ("0", "0x8010000000000000", WARN, None),
            ("0", "0x8020000000000000", INFO, None),
            ("0", "0x0", UNSTATED, None),
        ],
    )
    def test_level_and_keywords(self, level, keywords, severity, word):
        event = EVENT.replace("<Level>0", f"<Level>{level}").replace("0x8010000000000000", keywords)
        record = parse_text(event)
        assert record.severity == severity
        assert record.fields.get(LEVEL) == word


class TestBroken:
    @pytest.mark.parametrize(
        "line",
        [
            EVENT[:-9],
            EVENT.replace("</System>", ""),
            EVENT + "<Event>",
            "<Event></Event>",
            EVENT.replace("ana", "&nbsp;"),
            "<Event ='x'></Event>",
            EVENT.replace("<Event ", "<!DOCTYPE x><Event "),
            EVENT.replace("<Event ", "<?xml version='1.0'?><Event ").replace(
                "<System>", "<!DOCTYPE a [<!ENTITY b 'c'>]><System>"
            ),
        ],
    )
    def test_broken_xml_is_raw(self, line):
        record = parse_text(line)
        assert record.format == "raw" and record.text == line
        if line.startswith(("<Event", "<?xml version='1.0'?><Event")):
            assert record.parse_error.startswith("invalid event XML: ")
            assert "\n" not in record.parse_error

    @pytest.mark.parametrize(
        "line", ["<Events><Event/></Events>", "<EventLog>full</EventLog>", "<?xml version='1.0'?><shop/>"]
    )
    def test_other_xml_is_text(self, line):
        record = parse_text(line)
        assert record.format == "raw" and record.parse_error is None


def test_an_event_longer_than_any_of_windows_is_raw_text_with_an_error():
    event = f"<Event><System><EventID>1</EventID></System><Extra>{'x' * LONGEST}</Extra></Event>"
    record = parse(event.encode())
    assert record.format == "raw"
    assert "an event has at most" in record.parse_error
