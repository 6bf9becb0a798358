"""Access lines. All sample lines are made up."""

import calendar

from connectors.formats import parse
from connectors.records import Record

MOMENT = calendar.timegm((2024, 1, 2, 3, 4, 5))
"""The time that most sample lines state, in epoch seconds."""


class TestAccessLines:
    def test_combined_format(self):
        record = parse(
            b'192.0.2.9 - eve [02/Jan/2024:04:04:05 +0100] "GET /shop?id=42&q=tea+pot HTTP/1.1" 200 2326'
            b' "https://example.org/" "Agent/1.0 (X11)"'
        )
        assert record == Record(
            text="method=GET path=/shop?id=&q= status=200 agent=Agent/1.0 (X11)",
            format="access",
            fields={
                "remote": "192.0.2.9",
                "user": "eve",
                "method": "GET",
                "path": "/shop",
                "query": "id=42&q=tea+pot",
                "protocol": "HTTP/1.1",
                "status": "200",
                "bytes": "2326",
                "referer": "https://example.org/",
                "agent": "Agent/1.0 (X11)",
            },
            time=MOMENT,
        )

    def test_common_format_and_dashes(self):
        record = parse(b'host.example - - [02/Jan/2024:03:04:05 +0000] "HEAD /a HTTP/1.0" 304 -')
        assert record.text == "method=HEAD path=/a status=304"
        assert not {"user", "bytes", "agent", "query"} & record.fields.keys()

    def test_a_request_that_is_no_request_is_kept_whole(self):
        record = parse(rb'192.0.2.9 - - [02/Jan/2024:03:04:05 +0000] "\x16\x03\x01" 400 0 "-" "-"')
        assert record.text == r"request=\x16\x03\x01 status=400"

    def test_what_follows_the_agent_is_a_field(self):
        record = parse(
            b'::1 - - [02/Jan/2024:03:04:05 +0000] "GET / HTTP/2.0" 200 1 "-" "a" "192.0.2.1" rt=0.1'
        )
        assert record.fields["extra"] == '"192.0.2.1" rt=0.1'

    def test_a_line_that_only_resembles_one_is_raw(self):
        assert parse(b'job [nightly] "backup" 200 rows').format == "raw"
