"""Words that logs and people use for the same thing: a question's words find those of its groups too, counting less."""

from __future__ import annotations

from encoder_core.ranking import stem, words_of

SHARE = 0.4
"""How much a related word counts beside one that was asked for."""

_GROUPS = """
login logon signin log authentication
logout logoff signout disconnected logged
failed unsuccessful error wrong invalid incorrect bad failure
successful succeeded accepted success
denied refused rejected forbidden blocked unauthorized disallowed
permitted allowed granted let
new created added create
removed deleted dropped delete
started launched began running executed run start exec
stopped ended halted exited terminated closed stop
listed enumerated list
changed modified updated patch put change
account user
program process command
administrator admin root privileges rights
secret credentials
machine computer host server instance
missing absent exist found
forwarded transferred copy transfer
big large
"""


def _related() -> dict[str, frozenset[str]]:
    groups = [frozenset(map(stem, line.split())) for line in _GROUPS.split("\n") if line]
    words = frozenset().union(*groups)
    return {word: frozenset().union(*(one for one in groups if word in one)) - {word} for word in words}


_RELATED = _related()


def asked_for(question: str) -> dict[str, float]:
    """The words of a question as search compares them, and their related ones, with how much each counts."""
    words = dict.fromkeys(words_of(question), 1.0)
    for word in list(words):
        for other in _RELATED.get(word, ()):
            words.setdefault(other, SHARE)
    return words
