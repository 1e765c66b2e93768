"""aiSFX, a convolutional network trained on libraries of sound effects: a semantic encoder that comes in a package.

The weights are those of the package ``aisfx`` (Ma and Lerch, Representation Learning for the Automatic Indexing of
Sound Effects Libraries, ISMIR 2022). Its metadata says MIT, and the licence file that it ships is CC BY 4.0. The code
here is ours, because the package's code needs librosa and reads the weights with pickle. The design is the nine-layer
CNN of Kong et al., DCASE 2018 challenge cross-task baseline (arXiv 1808.00773).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.audio_utils import mel_filter_bank

from model.errors import ConfigurationError
from model.features import without_autocast
from model.packages import package_folder

#: The network was trained on sound at 44.1 kHz, with 96 bands on HTK's mel scale up to 22.05 kHz, each with sum 1.
SAMPLE_RATE = 44100
WIDTH = 512
_N_FFT, _HOP, _BANDS = 2048, 1024, 96
#: The largest value of the spectrograms in its training. Spectrograms are divided by it.
_LARGEST = 9.457798957824707
_WIDTHS = (64, 128, 256, 512)
#: Epsilon of its batch norms.
_EPSILON = 1e-5
#: Hash of the file of aisfx 0.1.2, the only file that this module reads.
WEIGHTS_SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"


@lru_cache(maxsize=8)
def _constants(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    filters = mel_filter_bank(_N_FFT // 2 + 1, _BANDS, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, norm=None, mel_scale="htk")
    filters /= np.maximum(filters.sum(axis=0, keepdims=True), 1e-10)
    with torch.inference_mode(False):
        window = torch.hann_window(_N_FFT, periodic=True, dtype=torch.float64)
        return window.to(device=device, dtype=dtype), torch.from_numpy(filters).to(device=device, dtype=dtype)


@without_autocast
def spectrogram(sound: Tensor) -> Tensor:
    """The input of the network: log10(1 + 10⁴ · mel power) of sound scaled to a peak of 1.

    Args:
        sound: (B, samples) at SAMPLE_RATE. Silence stays silence.

    Returns:
        (B, samples // 1024 + 1, 96), from 0 to about 1.
    """
    window, filters = _constants(sound.dtype, sound.device)
    peak = sound.abs().amax(dim=1, keepdim=True)
    sound = sound / torch.where(peak > 0, peak, torch.ones_like(peak))
    parts = torch.view_as_real(
        torch.stft(sound, _N_FFT, _HOP, window=window, center=True, pad_mode="constant", return_complex=True)
    )
    power = parts.square().sum(-1)
    return torch.log10(1 + 1e4 * (power.transpose(1, 2) @ filters)) / _LARGEST


class AisfxNetwork(nn.Module):
    """Eight 3×3 convolutions that include the batch norm; then mean over frequency and maximum over time."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        width = 1
        for channels in _WIDTHS:
            for _ in range(2):
                self.convolutions.append(nn.Conv2d(width, channels, 3, padding=1))
                width = channels

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Encodes spectrograms (B, T, 96), T at least 8: (B, 512)."""
        maps = spectrograms.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for index, convolution in enumerate(self.convolutions):
            maps = functional.relu(convolution(maps), inplace=not torch.is_grad_enabled())
            if index % 2 and index < len(self.convolutions) - 1:
                maps = functional.max_pool2d(maps, 2)
        return maps.mean(3).amax(2)

    def load_package(self) -> None:
        """Loads the weights of the installed package ``aisfx``.

        Raises:
            ConfigurationError: the package is not installed, or holds another file.
        """
        self.load_state_dict(fold_batch_norms(package_weights()))


def package_weights() -> Mapping[str, Tensor]:
    """Reads the network's weights from the package. The file's hash is checked, and only numbers are unpickled.

    Raises:
        ConfigurationError: the package is not installed, or holds another file.
    """
    folder = package_folder("aisfx")
    path = folder / "models" / "checkpoint.pth" if folder is not None else None
    if path is None or not path.is_file():
        raise ConfigurationError(
            "semantic_encoder: the package aisfx is not installed; run make model in the project's folder, "
            "or pip install --no-deps aisfx"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise ConfigurationError(
            f"semantic_encoder: {path} is not the file of aisfx 0.1.2, so its weights are not read"
        )
    # The file also holds integers of NumPy, under a name of NumPy 1.
    known: list[Any] = [
        (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
        np.dtype,
        type(np.dtype(np.int64)),
    ]
    with torch.serialization.safe_globals(known):
        weights, _ = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    prefix = "embedding_net."
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def fold_batch_norms(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Makes the weights of AisfxNetwork from those of the package, whose batch norms only scale and shift."""
    out = {}
    for index in range(2 * len(_WIDTHS)):
        block, which = f"conv_block{index // 2 + 1}", index % 2 + 1
        norm = {
            name: weights[f"{block}.bn{which}.{name}"].double()
            for name in ("weight", "bias", "running_mean", "running_var")
        }
        scale = norm["weight"] / (norm["running_var"] + _EPSILON).sqrt()
        kernel = weights[f"{block}.conv{which}.weight"].double() * scale[:, None, None, None]
        out[f"convolutions.{index}.weight"] = kernel.float()
        out[f"convolutions.{index}.bias"] = (norm["bias"] - norm["running_mean"] * scale).float()
    return out
