#!/bin/sh
# Contrastive training on one CUDA GPU within minutes, for when one is at hand for a short while.
#   benchmarks/gpu_training.sh pack CONFIG FOLDER         here: what the training needs, at most 50 MB
#   benchmarks/gpu_training.sh train FOLDER OUT [MINUTES] there: trains for so long (8), leaves pieces of at most 15 MB
#   benchmarks/gpu_training.sh join FOLDER OUT MODEL      here: the pieces as a model to export
# CONFIG: of a run whose stages items and teaching are made (`secencoder-trainer contrast` makes them first).
# Without a GPU, train runs on the CPU: to try it out.
set -e
cd "$(dirname "$0")/.."
exec "${PYTHON:-python3}" -m benchmarks.gpu_training "$@"
