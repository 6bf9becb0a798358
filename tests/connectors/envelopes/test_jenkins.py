"""Jenkins' lines of builds. All messages are made up."""

import pytest

from connectors.records import SERVICE
from tests.connectors.envelopes.messages import is_plain, read_one

EVENT = {"build": 40, "job": "shop/main", "message": "ERROR: 2 tests failed", "metadata": {"team": "edge"}}


def test_the_message_is_the_line_and_the_job_the_service():
    record = read_one(EVENT)
    assert record.message in (None, record.text)
    assert "2 tests failed" in record.text
    assert record.fields[SERVICE] == "shop/main"
    assert record.envelope == "jenkins"
    assert record.shipper["jenkins"]["build"] == 40


@pytest.mark.parametrize(
    "event", [{**EVENT, "user": "amy"}, {**EVENT, "build": "x"}, {**EVENT, "message": None}]
)
def test_an_applications_own_object_keeps_its_members(event):
    assert is_plain(event)
