"""``python -m stream_processors.cli`` is ``secencoder``."""

from stream_processors.cli import main

main()
