"""The mean that a bundle takes off its vectors.

Vectors of a mean-pooled masked language model share a large common part, so the cosine of any two is high. Without the
mean of many templates, cosines tell texts apart. The file is that of a linear layer which adds minus the mean, so that
sentence-transformers loads it as the bundle's last module.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from encoder_core.bundle import Bundle, BundleError

FOLDER = "2_Centring"
FILE = f"{FOLDER}/model.safetensors"
BIAS = "linear.bias"


def read_mean(bundle: Bundle) -> NDArray[np.float32]:
    """The mean of a bundle, float32 (dim,), zeros for one without. Raises BundleError."""
    if FILE not in bundle.manifest["files"]:
        return np.zeros(bundle.dim, dtype=np.float32)
    path = bundle.path / FILE
    try:
        bias = load_file(path).get(BIAS)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{path}: is no file of tensors: {error}") from error
    if bias is None or bias.shape != (bundle.dim,):
        found = "missing" if bias is None else f"of shape {bias.shape}"
        raise BundleError(f"{path}: {BIAS} is {found}, config.json says {bundle.dim} dimensions")
    mean = -bias.astype(np.float32)
    if not np.isfinite(mean).all():
        raise BundleError(f"{path}: {BIAS} is not finite")
    return mean
