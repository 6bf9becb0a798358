"""Says that code is compiled for this machine, which takes long at the first start; later ones find it on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

SENTENCE = "compiling for this machine, which takes a minute or two, once; later starts find it on disk"


@contextmanager
def told_of_compiling(tell: Callable[[str], object]) -> Iterator[None]:
    """Calls ``tell`` with a sentence when something is compiled inside the block that was not on disk, once."""
    from numba.core import event

    class FirstTime(event.Listener):
        told = False

        def on_start(self, event: event.Event) -> None:
            if not self.told:
                self.told = True
                tell(SENTENCE)

        def on_end(self, event: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", FirstTime()):
        yield
