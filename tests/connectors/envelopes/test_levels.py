import pytest

from connectors.envelopes.levels import of_syslog, of_word


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *(("info", 9), ("INFO", 9), (" WARN", 13), ("warning", 13), ("Error", 17), ("critical", 18)),
        *(("FATAL", 21), ("notice", 10), ("debug", 5), ("trace", 1), ("information", 9)),
        *(("", 0), ("loud", 0), (None, 0), (3, 0), ([], 0)),
    ],
)
def test_words_are_open_telemetrys_numbers(value, number):
    assert of_word(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 21),
        ("3", 17),
        (4, 13),
        ("5", 10),
        (6, 9),
        ("7", 5),
        ("err", 17),
        (8, 0),
        (-1, 0),
        ("9", 0),
        (True, 0),
        (None, 0),
    ],
)
def test_syslogs_numbers_and_names(value, number):
    assert of_syslog(value) == number
