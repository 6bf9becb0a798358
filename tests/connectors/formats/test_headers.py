"""What is remembered of header lines. All names are made up."""

from connectors.formats.headers import MAX_WORDS, HeaderLines
from connectors.formats.pairs import MAX_FIELDS


class TestTables:
    def test_a_row_belongs_to_the_latest_table_of_its_stream_with_as_many_columns(self):
        headers = HeaderLines()
        headers.name("a", "w3c", ("date", "time"))
        headers.name("a", "w3c", ("date", "time", "c-ip"))
        headers.name("b", "w3c", ("x", "y"))
        headers.name("a", "zeek", ("ts", "uid"))
        assert headers.named("a", "w3c", 2).names == ("date", "time")
        assert headers.named("a", "w3c", 3).names == ("date", "time", "c-ip")
        assert headers.named("b", "w3c", 2).names == ("x", "y")
        headers.name("a", "w3c", ("time", "date"))
        assert headers.named("a", "w3c", 2).names == ("time", "date")
        assert headers.named("b", "w3c", 3) is None

    def test_words_hold_for_the_tables_named_after_them(self):
        headers = HeaderLines()
        headers.note("a", "zeek", "path", "conn")
        headers.name("a", "zeek", ("ts", "uid"))
        headers.note("a", "zeek", "path", "dns")
        headers.name("a", "zeek", ("ts", "uid", "query"))
        assert headers.named("a", "zeek", 2).words == {"path": "conn"}
        assert headers.named("a", "zeek", 3).words == {"path": "dns"}

    def test_what_was_saved_is_taken_up(self):
        headers = HeaderLines()
        headers.note("a", "zeek", "path", "conn")
        headers.name("a", "zeek", ("ts", "uid"))
        again = HeaderLines()
        again.restore(headers.state())
        assert again.named("a", "zeek", 2) == headers.named("a", "zeek", 2)
        assert again.has("a", "zeek") and not again.has("b", "zeek")
        assert again.word("a", "zeek", "path") == "conn"
        assert again.state() == headers.state()


class TestLimits:
    def test_the_tables_named_longest_ago_are_forgotten(self):
        headers = HeaderLines()
        for number in range(headers.LIMIT + 1):
            headers.note(f"s{number}", "w3c", "Date", "2026-11-25")
            headers.name(f"s{number}", "w3c", ("date", "time"))
        assert not headers.has("s0", "w3c") and headers.named("s0", "w3c", 2) is None
        assert headers.word("s0", "w3c", "Date") == ""
        assert headers.has("s1", "w3c") and headers.word("s1", "w3c", "Date")

    def test_a_hostile_header_is_not_remembered(self):
        headers = HeaderLines()
        headers.name("a", "w3c", ("x",) * (MAX_FIELDS + 1))
        headers.name("a", "w3c", ("x" * 5_000,))
        assert not headers.has("a", "w3c")
        for number in range(1_000):
            headers.note("a", "w3c", f"word{number}", "v" * 10_000)
        assert len(headers.state()) < MAX_WORDS * 200
