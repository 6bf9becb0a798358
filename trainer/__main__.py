"""``python -m trainer`` is ``secencoder-trainer``: the form that launchers of several processes need."""

from trainer.cli import main

main()
