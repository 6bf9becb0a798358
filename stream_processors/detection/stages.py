"""Where a step spends its time: who does a stage says when it begins and ends, to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Note = Callable[..., None]
"""Takes what is worth knowing of a stage, by name: ``note(lines=4_000)``."""


class Stages(Protocol):
    """Hears of stages: ``fetch``, ``read``, ``match``, ``embed``, ``detect``, ``apply``, ``commit``."""

    def __call__(self, name: str) -> AbstractContextManager[Note]:
        """Around a stage."""


@contextmanager
def unwatched(name: str) -> Iterator[Note]:
    """Stages that nobody wants to hear of."""
    yield _no_note


def _no_note(**about: object) -> None:
    pass
