"""Severities as OpenTelemetry's numbers."""

import pytest

from connectors.formats.severity import (
    severity_of_fields,
    severity_of_score,
    severity_of_status,
    severity_of_syslog,
    severity_of_word,
)


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("TRACE trace Verbose FINEST", 1),
        ("DEBUG debug DBG D", 5),
        ("INFO info Information I LOG", 9),
        ("NOTICE notice", 10),
        ("WARN warn WARNING Warning W WRN", 13),
        ("ERROR err Error SEVERE E FEHLER", 17),
        ("CRITICAL crit", 18),
        ("ALERT alert", 19),
        ("FATAL fatal EMERG PANIC F", 21),
        ("Metadata x 12 RequestResponse", 0),
    ],
)
def test_words_in_any_case(words, number):
    assert [severity_of_word(word) for word in words.split()] == [number] * len(words.split())


def test_syslogs_numbers():
    assert [severity_of_syslog(number) for number in range(-1, 9)] == [0, 21, 19, 18, 17, 13, 10, 9, 5, 0]


def test_statuses():
    statuses = ["200", "304", "404", "499", "500", "503", "101", ""]
    assert [severity_of_status(status) for status in statuses] == [9, 9, 13, 13, 17, 17, 9, 9]


def test_scores_of_security_events():
    assert [severity_of_score(str(score)) for score in range(12)] == [9] * 4 + [13] * 3 + [17] * 2 + [
        18
    ] * 2 + [0]
    assert [severity_of_score(word) for word in ("Low", "Medium", "High", "Very-High", "?")] == [
        9,
        13,
        17,
        18,
        0,
    ]


class TestFields:
    @pytest.mark.parametrize(
        "fields",
        [
            *({"level": "error"}, {"severity": "ERROR"}, {"log.level": "Error"}, {"levelname": "ERROR"}),
            *({"lvl": "err"}, {"loglevel": "error"}, {"log_level": "error"}, {"severity_text": "ERROR"}),
            *({"severityText": "ERROR"}, {"severityNumber": "17"}, {"PRIORITY": "3"}, {"level": "3"}),
            *({"level": "50"}, {"levelno": "40"}, {"level_value": "40000"}, {"Level": "Error"}),
        ],
        ids=str,
    )
    def test_every_spelling_of_an_error(self, fields):
        assert severity_of_fields({"msg": "x", **fields}) == 17

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"level": "Metadata"},
            {"level": "12"},
            {"level": ""},
            {"level": "99999999"},
            {"message": "ERROR"},
        ],
        ids=str,
    )
    def test_none_where_none_is_stated(self, fields):
        assert severity_of_fields(fields) == 0

    def test_the_next_name_counts_where_the_first_says_nothing(self):
        assert severity_of_fields({"level": "Metadata", "severity": "warning"}) == 13

    def test_numbers_of_a_name_count_more_than_its_word(self):
        assert severity_of_fields({"severityText": "odd", "severityNumber": "13"}) == 13
