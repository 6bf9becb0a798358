"""The Faust app for ``faust -A stream_processors.app worker``; settings come from environment and file."""

from stream_processors.operations.compiling import choose_folder

choose_folder()

from stream_processors.settings import load_settings  # noqa: E402 (numba is imported below)
from stream_processors.worker import make_app  # noqa: E402

app = make_app(load_settings())
