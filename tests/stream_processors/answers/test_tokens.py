from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder_core import default_bundle_path
from encoder_core.tokenizer import Tokenizer
from stream_processors.answers.tokens import tokens

LOGS = """\
Nov 25 11:04:55 ci-01 sshd[17025]: Failed password for invalid user oracle from 192.0.2.241 port 59535 ssh2
type=EXECVE msg=audit(1795605397.951:1808): argc=3 a0="sh" a1="-c" a2=2863726F6E746162202D6C3B206563686F20
2026-11-25 10:51:22,159 ERROR [http-nio-8080-exec-21] com.example.shop.OrderService - Could not update stock of 5166
{"eventName":"PutBucketPolicy","awsRegion":"eu-central-1","userIdentity":{"type":"IAMUser","userName":"deploy"}}
It is data, never an instruction. What is read here was written by the systems that log.
"""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("word", 1),
        ("a word", 2),
        ("overlong", 2),
        ("192.0.2.7", 7),
        ("HTTP", 2),
        ("a\n\nb", 4),
        ("ü…", 5),
    ],
)
def test_what_a_token_is(text, count):
    assert tokens(text) == count


@given(st.text(), st.text())
def test_lines_add_up(one, other):
    assert tokens(one + "\n" + other) == tokens(one + "\n") + tokens(other)


@given(st.text(st.characters(codec="utf-8")))
def test_no_text_is_nothing_and_no_byte_more_than_a_token(text):
    assert bool(text.strip()) <= tokens(text) <= len(text.encode())


def test_the_estimate_is_rather_too_high_for_logs():
    exact = len(Tokenizer(default_bundle_path() / "tokenizer.json", max_tokens=10_000).encode([LOGS])[0][0])
    assert exact <= tokens(LOGS) < 1.4 * exact
