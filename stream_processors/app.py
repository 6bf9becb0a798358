"""The Faust app for ``faust -A stream_processors.app worker``; settings come from environment and file."""

from stream_processors.settings import load_settings
from stream_processors.worker import make_app

app = make_app(load_settings())
