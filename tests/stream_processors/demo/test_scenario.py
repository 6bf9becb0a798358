import calendar
import ipaddress
import json
import re
import subprocess
import sys
import time
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import pytest

from stream_processors.demo.scenario import ATTACK_STEPS, START, SYSTEMS, LabelledLine, scenario

ROOT = Path(__file__).parents[3]
JSON_SYSTEMS = {"windows", "cloudtrail", "kubernetes"}


@pytest.fixture(scope="module")
def stream() -> list[LabelledLine]:
    return list(scenario(lines=20_000))


@pytest.fixture(scope="module")
def quiet() -> list[LabelledLine]:
    return list(scenario(lines=20_000, attack=False))


def story_of(lines):
    return [(index, line) for index, line in enumerate(lines) if line.attack is not None]


def test_same_arguments_give_the_same_lines():
    assert list(scenario(lines=1_500, seed=3)) == list(scenario(lines=1_500, seed=3))


def test_lines_do_not_depend_on_hash_randomisation_locale_or_time_zone():
    code = (
        "import locale, hashlib; from stream_processors.demo.scenario import scenario\n"
        "try: locale.setlocale(locale.LC_ALL, '')\n"
        "except locale.Error: pass\n"
        "print(hashlib.sha256(repr(list(scenario(lines=1500))).encode()).hexdigest())"
    )
    environments = (
        {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "de_DE.UTF-8"},
    )
    digests = {
        subprocess.check_output([sys.executable, "-c", code], env=env, cwd=ROOT) for env in environments
    }
    assert len(digests) == 1


@pytest.mark.parametrize("change", [{"seed": 8}, {"rate": 5.0}, {"start": START + 86_400}])
def test_other_arguments_give_other_lines(change):
    default = [line.line for line in scenario(lines=200)]
    assert default != [line.line for line in scenario(lines=200, **change)]


def test_a_shorter_quiet_stream_is_the_beginning_of_a_longer_one(quiet):
    assert list(scenario(lines=700, attack=False)) == quiet[:700]


def test_the_number_of_lines_is_the_number_asked_for():
    for lines in (0, 1, 499, 500, 1_999, 2_000):
        assert sum(1 for _ in scenario(lines=lines)) == lines


def test_a_huge_stream_starts_at_once():
    began = time.monotonic()
    assert len(list(islice(scenario(lines=10**9), 100))) == 100
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("wrong", [{"lines": -1}, {"lines": 10, "rate": 0.0}, {"lines": 10, "rate": -3.0}])
def test_wrong_arguments_fail_before_the_first_line_is_asked_for(wrong):
    with pytest.raises(ValueError, match="got"):
        scenario(**wrong)


def test_every_system_appears_with_at_least_six_ordinary_templates(quiet):
    templates = {(line.system, line.template) for line in quiet}
    kinds = Counter(system for system, _ in templates)
    assert set(kinds) == set(SYSTEMS)
    assert len(SYSTEMS) == 8
    assert min(kinds.values()) >= 6
    assert len(templates) >= 60
    assert all(template.startswith(f"{system}.") for system, template in templates)


def test_frequencies_are_skewed_and_rare_ordinary_templates_exist(stream):
    counts = Counter(line.template for line in stream if line.attack is None)
    ordinary = counts.total()
    rare = [template for template, count in counts.items() if count < 0.003 * ordinary]
    assert len(rare) >= 20
    assert {template.partition(".")[0] for template in rare} == set(SYSTEMS)
    assert sum(count for _, count in counts.most_common(20)) > ordinary / 2


def test_kinds_of_line_that_the_attack_uses_are_ordinary_too(stream, quiet):
    ordinary = {line.template for line in quiet}
    shared = {line.template for _, line in story_of(stream)} & ordinary
    assert {"sshd.failed_password", "sshd.accepted_password", "auditd.execve"} <= shared


def test_lines_are_single_printable_lines(stream):
    for line in stream:
        assert line.line
        assert line.line.isprintable(), line.line


def test_json_lines_parse_and_are_neither_tiny_nor_bloated(stream):
    for line in stream:
        if line.system in JSON_SYSTEMS:
            assert isinstance(json.loads(line.line), dict)
            assert 300 <= len(line.line) <= 1_000, line.line


SHAPES = {
    "sshd": r"<\d+>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [a-z0-9-]+ sshd\[\d+\]: \S.*",
    "auditd": r"type=[A-Z_]+ msg=audit\(\d{10}\.\d{3}:\d+\): \S.*",
    "nginx": r"[\d.]+ - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]"
    r' "[A-Z]+ /\S* HTTP/1\.1" \d{3} \d+ "[^"]+" "[^"]+"',
    "dns": r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3} [a-z-]+: info: \S.*",
    "java": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +\[[^\]]+\] [\w.]+ - \S.*",
}


@pytest.mark.parametrize("system", sorted(SHAPES))
def test_text_lines_have_the_shape_of_their_format(system, stream):
    shape = re.compile(SHAPES[system])
    for line in stream:
        if line.system == system:
            assert shape.fullmatch(line.line), line.line


FORMATS = {
    "sshd": (r">(\w{3} [ \d]\d \S+)", "%b %d %H:%M:%S", 1.0),
    "nginx": (r"\[(\S+) \+0000\]", "%d/%b/%Y:%H:%M:%S", 1.0),
    "dns": (r"^(\S+ [\d:]+)\.(\d+)", "%d-%b-%Y %H:%M:%S", 0.001),
    "java": (r"^(\S+ [\d:]+),(\d+)", "%Y-%m-%d %H:%M:%S", 0.001),
    "windows": (r'"@timestamp":"([\dT:-]+)\.(\d+)Z', "%Y-%m-%dT%H:%M:%S", 0.001),
    "cloudtrail": (r'"eventTime":"([\dT:-]+)Z', "%Y-%m-%dT%H:%M:%S", 1.0),
    "kubernetes": (r'"stageTimestamp":"([\dT:-]+)\.(\d+)Z', "%Y-%m-%dT%H:%M:%S", 1e-6),
}


def written_time(line):
    """The time that a line states, in seconds since the epoch, and how precisely it does so."""
    if line.system == "auditd":
        return float(re.search(r"audit\(([\d.]+):", line.line)[1]), 0.001
    pattern, layout, precision = FORMATS[line.system]
    found = re.search(pattern, line.line)
    # RFC 3164 states no year
    text, layout = (f"2025 {found[1]}", f"%Y {layout}") if line.system == "sshd" else (found[1], layout)
    fraction = float(f"0.{found[2]}") if found.lastindex == 2 else 0.0
    return calendar.timegm(time.strptime(text, layout)) + fraction, precision


def test_the_time_of_a_line_is_the_time_written_in_it(stream):
    for line in stream:
        stated, precision = written_time(line)
        assert -1e-5 <= line.time - stated < precision + 1e-5, line


def test_times_never_go_back_and_keep_the_rate(stream):
    times = [line.time for line in stream]
    assert times[0] >= START
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert len(times) / (times[-1] - times[0]) == pytest.approx(50, rel=0.05)


def test_office_hours_change_the_mix():
    def share(hour):
        lines = scenario(lines=8_000, start=START + (hour - 8) * 3_600, attack=False)
        return sum(line.system == "sshd" for line in lines) / 8_000

    assert share(15) > 1.3 * share(3)


@pytest.mark.parametrize(
    ("lines", "least", "most"), [(500, 15, 25), (1_999, 15, 25), (2_000, 30, 40), (20_000, 30, 40)]
)
@pytest.mark.parametrize("seed", [0, 7, 11])
def test_the_story_has_all_steps_in_order_late_and_in_one_stretch(lines, least, most, seed):
    story = story_of(scenario(lines=lines, seed=seed))
    assert least <= len(story) <= most
    steps = [line.attack for _, line in story]
    assert list(dict.fromkeys(steps)) == list(ATTACK_STEPS)
    assert steps == sorted(steps, key=ATTACK_STEPS.index)
    first, last = story[0][0], story[-1][0]
    assert 0.55 * lines <= first
    assert last <= 0.9 * lines
    assert last - first <= 2_000
    assert last - first > len(story)  # ordinary lines in between


def test_about_fifteen_failed_logins_come_from_one_address_never_seen_before(stream):
    story = story_of(stream)
    guesses = [line.line for _, line in story if "Failed password" in line.line]
    addresses = {re.search(r"from (\S+) port", guess)[1] for guess in guesses}
    assert 10 <= len(guesses) <= 18
    assert any("invalid user" in guess for guess in guesses)
    assert len(addresses) == 1
    (address,) = addresses
    assert ipaddress.ip_address(address) not in ipaddress.ip_network("10.0.0.0/8")
    assert all(address not in line.line for line in stream if line.attack is None)
    accepted = next(line.line for _, line in story if line.attack == "success")
    assert "Accepted password for" in accepted
    assert address in accepted


def test_the_position_of_the_story_depends_on_the_seed():
    assert len({story_of(scenario(lines=5_000, seed=seed))[0][0] for seed in range(5)}) > 1


def test_planting_the_attack_leaves_every_other_line_as_it_was(stream, quiet):
    assert [index for index, (a, b) in enumerate(zip(stream, quiet, strict=True)) if a != b] == [
        index for index, _ in story_of(stream)
    ]


def test_without_attack_and_in_short_streams_nothing_is_labelled(quiet):
    assert not story_of(quiet)
    assert not story_of(scenario(lines=499))


def test_external_addresses_and_names_are_reserved_for_documentation(stream):
    networks = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    networks += [ipaddress.ip_network(n) for n in ("10.20.0.0/16", "127.0.0.0/8", "0.0.0.0/32")]
    for line in stream:
        # version numbers such as Chrome/133.0.0.0 stand behind a slash, reversed names before in-addr
        text = line.line.replace("http://", "")
        for found in re.findall(r"(?<![\w./])\d+\.\d+\.\d+\.\d+(?!\.in-addr|[\w.])", text):
            assert any(ipaddress.ip_address(found) in network for network in networks), line.line
        for found in re.findall(r"\bA(?:KIA|SIA|IDA|ROA)[A-Z0-9]+", line.line):
            assert found[4:].startswith("EXAMPLE")
