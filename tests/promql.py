"""What a PromQL expression names: metrics, and the labels that it looks at. Its grammar is not checked."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD = re.compile(r"[a-zA-Z_:][\w:]*")
MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
SELECTED = re.compile(r"\{([^{}]*)\}")
GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
KEYWORDS = {"and", "or", "unless", "offset", "bool", "inf", "nan"}
DURATION = re.compile(r"\[[^\]]*\]")


def plain(expression: str, **variables: str) -> str:
    """An expression with Grafana's variables filled in."""
    for name, value in variables.items():
        expression = expression.replace(f"${name}", value)
    assert "$" not in expression, expression
    return expression


def metrics_in(expression: str) -> set[str]:
    """Names of the metrics of an expression."""
    bare = GROUPED.sub(" ", DURATION.sub(" ", SELECTED.sub(" {} ", STRING.sub('""', expression))))
    found = set()
    for word in WORD.finditer(bare):
        called = bare[word.end() :].lstrip().startswith("(")
        number = bare[: word.start()][-1:].isdigit()  # the e of 1e6
        if not called and not number and word[0].lower() not in KEYWORDS:
            found.add(word[0])
    return found


def labels_in(expression: str) -> set[str]:
    """Labels that an expression matches or groups by."""
    matched = {label for label, _, _ in matchers_in(expression)}
    grouped = {
        label.strip() for group in GROUPED.findall(STRING.sub('""', expression)) for label in group.split(",")
    }
    return (matched | grouped) - {""}


def matchers_in(expression: str) -> list[tuple[str, str, str]]:
    """(label, operator, value) of each matcher."""
    return [match for inside in SELECTED.findall(expression) for match in MATCHER.findall(inside)]


def unknown(
    expression: str, scrape: dict[str, Iterable[dict[str, str]]], added: Iterable[str] = ()
) -> set[str]:
    """What an expression names that a scrape has not. scrape: metric to its series' labels; added: further labels."""
    names = metrics_in(expression)
    missing = {name for name in names if not scrape.get(name)}
    known = {label for name in names for series in scrape.get(name, ()) for label in series} | {*added}
    missing |= {label for label in labels_in(expression) if label not in known}
    for label, operator, value in matchers_in(expression):
        values = {series.get(label) for name in names for series in scrape.get(name, ())}
        if operator == "=" and label not in added and value not in values:
            missing.add(f"{label}={value}")
    return missing
