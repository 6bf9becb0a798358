"""One process of a training run, for the tests of distributed ones: python pretraining_process.py ARGUMENTS.json.

Arguments: size (its name is ``small-for-tests``), tokenizer, tokens (a folder), settings, folder, and kill: the step
after whose checkpoint every process ends itself by SIGKILL.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer

import trainer.pretraining.pretrain
from trainer.pretraining.model import SIZES
from trainer.pretraining.pretrain import Pretraining, pretrain
from trainer.settings import PretrainSettings
from trainer.vocabulary.tokens import TokenLines


def main(arguments: dict) -> None:
    torch.set_num_threads(1)
    SIZES["small-for-tests"] = arguments["size"]
    real = Pretraining.save

    def save(self):
        real(self)
        if self.progress.step == arguments["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)

    trainer.pretraining.pretrain.Pretraining.save = save
    pretrain(
        TokenLines.open(Path(arguments["tokens"])),
        Tokenizer.from_file(arguments["tokenizer"]),
        PretrainSettings(**arguments["settings"]),
        Path(arguments["folder"]),
    )


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
