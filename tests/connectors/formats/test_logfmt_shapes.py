"""Following a plan gives what reading a line of pairs token by token gives, whatever the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.formats import logfmt, parse
from connectors.formats.logfmt import SHAPES, parse_logfmt, parse_plainly

NAMES = st.sampled_from(
    ["a", "type", "msg", "level", "time", "date", "exe", "a0", "acct", "x.y", "@k", "pid"]
)
WORDS = st.one_of(
    st.text("ab01", max_size=4),
    st.sampled_from(
        [
            "",
            "4142",
            "(none)",
            "()",
            "(a b)",
            "x,",
            "y;",
            "2026-11-25T10:00:00Z",
            "error",
            "a=b",
            "é",
            "\\",
            "(",
        ]
    ),
)
QUOTED = st.one_of(
    WORDS,
    st.text(" =ab'(){}é\t", max_size=5),
    st.sampled_from(["x y", "audit(1.1:1)", "4142", 'say \\"x\\"']),
)


@st.composite
def pairs(draw, within: bool = False) -> str:
    """Pairs with blanks between, some of them pairs in single quotes, some of them damaged."""
    found = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["bare", "double", "single", "within", "bare", "word"]))
        name = draw(NAMES)
        if kind == "bare":
            found.append(f"{name}={draw(WORDS)}")
        elif kind == "double":
            found.append(f'{name}="{draw(QUOTED)}"{draw(st.sampled_from(["", "", "", "z"]))}')
        elif kind == "single":
            found.append(f"{name}='{draw(QUOTED)}'")
        elif kind == "within" and not within:
            found.append(f"{name}='{draw(pairs(within=True))}'")
        else:
            found.append(draw(st.sampled_from(["", "word", "=", "'", '"'])))
    return " ".join(found)


def same(line: str) -> None:
    """Reads a line before and after its shape is known."""
    plain = parse_plainly(line) if logfmt._FIRST_PAIR.match(line) else None
    for _ in range(4):
        found = parse_logfmt(line)
        if found is not None or line.count("=") >= logfmt.MIN_PAIRS:
            assert found == plain
            assert found is None or list(found.fields) == list(plain.fields)


@given(
    header=st.sampled_from(
        ["", "", "type=EXECVE msg=audit(1764064800.123:7): ", "type=X msg=audit(1764064800.5:8) "]
    ),
    line=pairs(),
    damage=st.tuples(st.integers(0, 60), st.sampled_from([*" ='\"(),;\\", "", "", ""]), st.integers(0, 1)),
)
def test_a_plan_gives_what_reading_token_by_token_gives(header, line, damage):
    SHAPES.clear()
    line = header + line
    same(line)
    at, piece, cut = damage
    same(line[:at] + piece + line[at + cut :])


def test_values_of_one_shape_are_each_their_own():
    SHAPES.clear()
    template = (
        'type=USER_LOGIN msg=audit(1764064800.{0}:{0}): pid={0} msg=\'op=x acct="{1}" exe="/bin/{1}" res=ok\''
    )
    for number, account in enumerate(["eve", "ann", "4142", "a b", "x'y", "u=v"] * 3, start=100):
        line = template.format(number, account)
        assert parse_logfmt(line) == parse_plainly(line)
    assert parse_logfmt(template.format(250, "4142")).fields["msg.acct"] == "AB"


def test_the_third_line_of_a_shape_is_not_read_token_by_token(monkeypatch):
    SHAPES.clear()
    line = 'level=warn host=web-{0} msg="took {0} = long"'
    for number in range(3):
        parse(line.format(number).encode())
    monkeypatch.setattr("connectors.formats.logfmt.parse_plainly", lambda *_args, **_options: 1 / 0)
    record = parse(line.format(7).encode())
    assert record.fields == {"level": "warn", "host": "web-7", "msg": "took 7 = long"}
    assert record.message == "took 7 = long"


@pytest.mark.parametrize("count", [1, 500])
def test_shapes_are_bounded(monkeypatch, count):
    SHAPES.clear()
    monkeypatch.setattr("connectors.formats.logfmt_shapes.PLANS", 50)
    for number in range(500):
        for _ in range(3):
            parse_logfmt(" ".join(f"k{number}_{place}=v" for place in range(3 + number % count)))
    assert SHAPES.size <= 51
