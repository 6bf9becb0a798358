"""From an exception to an exit code and one line."""

from __future__ import annotations

PACKAGES = ("trainer", "connectors", "encoder_core")
EXTRA = "pip install 'secencoder-streams[trainer]'"


def exit_code_and_line(error: Exception) -> tuple[int, str | None]:
    """2 for wrong input, 1 for a failure at run time; no line for what is a defect and deserves its traceback.

    An exception class of ours is meant for the user, and so is a ValueError that our own code raised.
    """
    line = " ".join(str(error).split()) or type(error).__name__
    if is_ours(type(error).__module__):
        return (2 if isinstance(error, ValueError) else 1), line
    if type(error) is ValueError and is_ours(raised_in(error)):
        return 2, line
    if isinstance(error, OSError) and error.filename is not None:
        return 2, f"{error.filename}: {error.strerror}"
    if isinstance(error, ModuleNotFoundError) and not is_ours(error.name or ""):
        return 1, f"{error.name} is not installed; {EXTRA} has what training needs"
    return 1, None


def is_ours(module: str) -> bool:
    """Whether a module belongs to the project."""
    return module.split(".", maxsplit=1)[0] in PACKAGES


def raised_in(error: Exception) -> str:
    """The module whose code raised an exception."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
