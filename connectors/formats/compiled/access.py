"""Compiled: access lines in the common and the combined format."""

# ruff: noqa: C901, PLR0911, SIM102 (a compiled loop over bytes is quickest as one)

from __future__ import annotations

from connectors.formats.compiled.alphabet import DIGIT, NAME, TOKEN, run_of
from connectors.formats.compiled.found import ACCESS, ACCESS_ODD, BIT, CODE, SEVERITY, add
from connectors.formats.compiled.moments import SLASH, day_first_time, zone_at
from connectors.formats.json_bytes import Array
from connectors.kernels import helper
from connectors.records import ERROR, INFO, WARN

_REMOTE, _USER, _METHOD, _PATH, _QUERY, _PROTOCOL, _STATUS, _, _, _, _ = BIT
_ODD_STATUS = BIT[3]
"""Behind a request that is not as it should be."""


@helper
def _quoted_end(data: Array, at: int, end: int) -> int:
    """Where the text ends whose opening quote is at a place; -1 for none, or one with backslashes."""
    if at >= end or data[at] != 34:
        return -1
    at += 1
    while at < end and data[at] != 34:
        if data[at] == 92:
            return -1
        at += 1
    return at if at < end else -1


@helper
def _request(data: Array, begin: int, end: int, found: Array, spans: Array, at: int) -> int:
    """Notes what a request consists of, ``METHOD path?query PROTOCOL`` as a rule, and its form; the next place."""
    first, second, query, words = -1, -1, -1, 1
    for place in range(begin, end):
        byte = data[place]
        if byte == 63 and words == 2 and query < 0:
            query = place
        elif byte == 32:
            first, second = (place, second) if words == 1 else (first, place)
            words += 1
    at_end = second + 1
    if words == 3 and at_end + 5 <= end and data[at_end] == 72 and data[at_end + 1] == 84:
        if data[at_end + 2] == 84 and data[at_end + 3] == 80 and data[at_end + 4] == 47:
            found[CODE] |= ACCESS
            at = add(data, begin, first, _METHOD, found, spans, at)
            at = add(data, first + 1, second if query < 0 else query, _PATH, found, spans, at)
            if query >= 0:
                at = add(data, query + 1, second, _QUERY, found, spans, at)
            return add(data, at_end, end, _PROTOCOL, found, spans, at)
    found[CODE] |= ACCESS_ODD
    return add(data, begin, end, _METHOD, found, spans, at)


@helper
def read_access(data: Array, begin: int, end: int, found: Array, spans: Array, at: int) -> int:
    """Reads ``remote - user [time] "request" status bytes "referer" "agent" extra``; its columns are noted from a place
    on. The next place; -1 for a line that is not known for sure.
    """
    remote = run_of(data, begin, min(end, begin + 255), TOKEN)
    user = remote + 3
    if (
        remote == begin
        or user >= end
        or data[remote] != 32
        or data[remote + 1] != 45
        or data[remote + 2] != 32
    ):
        return -1
    user_end = run_of(data, user, min(end, user + 128), NAME)
    if user_end == user or user_end + 2 >= end or data[user_end] != 32 or data[user_end + 1] != 91:
        return -1
    stop = user_end + 22
    if stop + 7 >= end or day_first_time(data, user_end + 2, end, SLASH, found) != stop or data[stop] != 32:
        return -1
    bracket = stop + 6
    if zone_at(data, stop + 1, end, found) != bracket or data[bracket] != 93 or data[bracket + 1] != 32:
        return -1
    close = _quoted_end(data, bracket + 2, end)
    status = close + 2
    size = status + 4
    if close < 0 or size >= end or data[close + 1] != 32 or data[size - 1] != 32:
        return -1
    if run_of(data, status, size, DIGIT) != size - 1:
        return -1
    size_end = size + 1 if data[size] == 45 else run_of(data, size, end, DIGIT)
    if size_end == size or (size_end < end and data[size_end] != 32):
        return -1
    found[CODE] = 0
    at = add(data, begin, remote, _REMOTE, found, spans, at)
    at = add(data, user, user_end, _USER, found, spans, at)
    at = _request(data, bracket + 3, close, found, spans, at)
    bit = _ODD_STATUS if found[CODE] & ACCESS_ODD else _STATUS
    at = add(data, status, status + 3, bit, found, spans, at)
    at = add(data, size, size_end, bit << 1, found, spans, at)
    if size_end < end:
        referer = _quoted_end(data, size_end + 1, end)
        agent = _quoted_end(data, referer + 2, end) if 0 <= referer < end - 1 else -1
        if agent < 0 or data[referer + 1] != 32 or agent == end - 2:
            return -1
        at = add(data, size_end + 2, referer, bit << 2, found, spans, at)
        at = add(data, referer + 3, agent, bit << 3, found, spans, at)
        if agent + 1 < end:
            if data[agent + 1] != 32 or data[agent + 2] == 32:
                return -1
            at = add(data, agent + 2, end, bit << 4, found, spans, at)
    found[SEVERITY] = ERROR if data[status] == 53 else WARN if data[status] == 52 else INFO
    return at
