"""What varies in free text, and what stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from encoder_core.templates import Templates
from tests.encoder_core.templates.lines import LINES

TEMPLATES = Templates()
ALPHABET = st.sampled_from([*"aZ09fx .:/\\=-_,;@#%'\"`()[]{}<>|&?!~+*$\n\t\x00\x1a\x1béß漢\ud800"])
PIECES = st.sampled_from(
    [
        *(
            "<num>",
            "<*>",
            "<ip>",
            "10.0.0.1",
            ":80",
            "user=",
            "bob",
            " status ",
            "500",
            "Jan 31 10:00:00",
            "::1",
        ),
        *("https://a.example.com/x", "/var/log", "C:\\Temp\\a b\\c.txt", "2026-01-31T10:00:00Z", " MB", "=="),
        *("..", "port ", "deadbeef01", "a@example.com", "()", "(null)", "web-1", "sha256", "=x y=", '" 404 '),
        *("01:23:45:67:89:ab", "0x1f"),
    ]
)
TEXTS = st.text() | st.text(ALPHABET) | st.lists(PIECES | ALPHABET).map("".join)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("took 12ms, 1h30m and 3.5 GB", "took <num> and <num>"),
        (
            "at 0x7f3a and deadbeef01 with 550e8400-e29b-41d4-a716-446655440000",
            "at <hex> and <hex> with <uuid>",
        ),
        ("from 192.0.2.1 to 192.0.2.2:443", "from <ip> to <ip>"),
        ("from 2001:db8::1, [2001:db8::2]:443", "from <ip>"),
        ("from a.example.com and ns1.example.org:53", "from <ip> and <ip>"),
        ("connect from a.example.com[192.0.2.1]: lost", "connect from <ip>: lost"),
        ("mac 00:11:22:aa:bb:cc, 0011.22aa.bbcc", "mac <mac>"),
        ("see https://example.com/a?b=c.", "see <url>."),
        ("mail ann@example.com", "mail <email>"),
        ("read /var/log/a.log:12 and logs/b.txt", "read <path> and <path>"),
        (r"ran C:\Program Files (x86)\Tool\a.exe now", "ran <path> now"),
        (r"CORP\ann logged in", "<path> logged in"),
        ("read/write failed: Input/output error", "read/write failed: Input/output error"),
        ("2026-01-31T10:00:00.123Z up", "<time> up"),
        ("Jan 31 10:00:00 a up", "<time> a up"),
        ("Sat Jan 31 10:00:00 UTC 2026 up", "<time> up"),
        ("[31/Jan/2026:10:00:00 +0000] up", "[<time>] up"),
        ("May work", "May work"),
        ("pod shop-7d4f8b6c9d-x7k2p of web-xkzqp", "pod <id> of <id>"),
        ("image shop:1.21-alpine", "image shop:<id>"),
        ("shop.Cart@1b2c3d4e", "shop.Cart@<hex>"),
        ("key AbCdEfGhIjKlMnOpQrStUvWxYzAb==", "key <id>"),
        ("user 'ann' said 'no'", "user '<*>' said 'no'"),
        ("1, 2, 3 and 4 5", "<num> and <num>"),
        ("Auth failure; logname= uid=0 rhost=192.0.2.1", "Auth failure; logname=<*> uid=0 rhost=<ip>"),
        ("Auth failure; logname=ann uid=0 rhost=192.0.2.1", "Auth failure; logname=<*> uid=0 rhost=<ip>"),
        ("用户123登录", "用户<num>登录"),
        ("  a \t b\n", "a b"),
        ("", ""),
    ],
)
def test_what_varies_is_replaced(text, template):
    assert TEMPLATES.of_text(text).template == template


@pytest.mark.parametrize(
    "text",
    """EventID 4625|Event ID: 4625|status=500|status 500|port 22|errno 13|exit code 1|signal 11|"GET" 404|syscall=59
error code 0x80070005|HTTP/1.1|errorCode=-5|%ASA-6-302013: Built|uid=0|ipv6 sha256 ext4 x86_64 TLSv1.2
ORA-00942: no table|action=deny|jk2_init() found|state up""".replace("\n", "|").split("|"),
)
def test_what_tells_kinds_apart_stays(text):
    assert TEMPLATES.of_text(text).template == text


def test_an_ephemeral_port_varies():
    assert TEMPLATES.of_text("port 50022").template == "port <num>"


def test_outcomes_never_share_a_template():
    values = ["success", "failed", "allow", "deny"]
    for line in ("result={}", "from=a result={} to=b", "the '{}' state", '"action": "{}"'):
        assert len({TEMPLATES.of_text(line.format(value)).template for value in values}) == len(values)


def test_parameters_are_in_the_order_of_their_placeholders():
    match = TEMPLATES.of_text("user=ann, from 192.0.2.1 port 50022 café7")
    assert [(p.slot, p.type, p.value) for p in match.parameters] == [
        *[("0", "*", "ann"), ("1", "ip", "192.0.2.1"), ("2", "num", "50022"), ("3", "num", "7")],
    ]


@pytest.mark.parametrize("line", LINES)
def test_a_template_is_its_own_template(line):
    template = TEMPLATES.of_text(line).template
    assert TEMPLATES.of_text(template).template == template


@given(TEXTS)
@example("192.0.2.1()() and 192.0.2.1\x1f()")
@example("192.0.2.1(192.0.2.2 (192.0.2.3()))")
@settings(max_examples=500, deadline=None)
def test_any_template_is_its_own_template(text):
    template = TEMPLATES.of_text(text).template
    assert TEMPLATES.of_text(template).template == template


@pytest.mark.parametrize(
    "piece",
    """a;1; ;=;a=;';'a;/;\\;a\\b ;C:\\a ;1:;::;a.;@;<;<num>;-;0:0:;1, ;..;Jan ;é1;x=a ;(;00:;a/b;1.2.3.4;?;=(
10:00 ;1e+;A-1:;[::1]:;x=y&""".replace("\n", ";").split(";"),
)
def test_time_is_linear_in_the_length(piece):
    def seconds(count):
        text = piece * (count // len(piece))
        best = float("inf")
        for _ in range(3):
            begin = time.process_time()
            TEMPLATES.of_text(text)
            best = min(best, time.process_time() - begin)
        return best

    assert seconds(4_000) < 10 * seconds(1_000) + 0.02
