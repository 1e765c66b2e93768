"""aiSFX: a convolutional network trained on libraries of sound effects, as a semantic encoder that comes in a package.

The weights are those of the package ``aisfx`` (Ma and Lerch, Representation Learning for the Automatic Indexing of
Sound Effects Libraries, ISMIR 2022); its classifier says MIT, the licence file that it ships is CC BY 4.0. This module
is our own: the package's needs librosa for its features and reads its weights with pickle. The design is the nine-layer
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

from model.encoders.packages import package_folder
from model.errors import ConfigurationError
from model.features import without_autocast

#: What the network was trained on: 44.1 kHz, 96 bands on the mel scale of HTK up to half of it, each of sum 1.
SAMPLE_RATE = 44100
WIDTH = 512
_N_FFT, _HOP, _BANDS = 2048, 1024, 96
#: The greatest value of its training's spectrograms, which they are divided by.
_GREATEST = 9.457798957824707
_WIDTHS = (64, 128, 256, 512)
#: Of its batch norms.
_EPSILON = 1e-5
#: Of the one file that is known to hold what this module expects.
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
    """What the network reads: log10(1 + 10⁴ · mel power) of sound whose peak is 1.

    Args:
        sound: (B, samples) at SAMPLE_RATE; silence stays silence.

    Returns:
        (B, samples // 1024 + 1, 96); in [0, about 1].
    """
    window, filters = _constants(sound.dtype, sound.device)
    peak = sound.abs().amax(dim=1, keepdim=True)
    sound = sound / torch.where(peak > 0, peak, torch.ones_like(peak))
    parts = torch.view_as_real(
        torch.stft(sound, _N_FFT, _HOP, window=window, center=True, pad_mode="constant", return_complex=True)
    )
    power = parts.square().sum(-1)
    return torch.log10(1 + 1e4 * (power.transpose(1, 2) @ filters)) / _GREATEST


class AisfxNetwork(nn.Module):
    """Eight 3×3 convolutions, batch norm folded into them; mean over frequency, maximum over time."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        width = 1
        for channels in _WIDTHS:
            for _ in range(2):
                self.convolutions.append(nn.Conv2d(width, channels, 3, padding=1))
                width = channels

    def forward(self, spectrograms: Tensor) -> Tensor:
        """(B, T, 96), T at least 8 → (B, 512)."""
        maps = spectrograms.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for place, convolution in enumerate(self.convolutions):
            maps = functional.relu(convolution(maps), inplace=not torch.is_grad_enabled())
            if place % 2 and place < len(self.convolutions) - 1:
                maps = functional.max_pool2d(maps, 2)
        return maps.mean(3).amax(2)

    def load_package(self) -> None:
        """The weights of the installed package ``aisfx``.

        Raises:
            ConfigurationError: when it is not installed, or holds another file.
        """
        self.load_state_dict(folded(package_weights()))


def package_weights() -> Mapping[str, Tensor]:
    """The network's weights as the package ships them. The file's hash is checked, and nothing but numbers unpickled.

    Raises:
        ConfigurationError: when the package is not installed, or holds another file.
    """
    folder = package_folder("aisfx")
    path = folder / "models" / "checkpoint.pth" if folder is not None else None
    if path is None or not path.is_file():
        raise ConfigurationError("semantic_encoder: aisfx is not installed; pip install --no-deps aisfx")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise ConfigurationError(f"semantic_encoder: {path} is not the file of aisfx 0.1.2; its weights are not read")
    # Beside its tensors the file counts classes with NumPy's integers, under a name of NumPy 1.
    known: list[Any] = [
        (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
        np.dtype,
        type(np.dtype(np.int64)),
    ]
    with torch.serialization.safe_globals(known):
        weights, _ = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    prefix = "embedding_net."
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def folded(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of AisfxNetwork from those of the package, whose batch norms are scales and shifts by now."""
    out = {}
    for place in range(2 * len(_WIDTHS)):
        block, which = f"conv_block{place // 2 + 1}", place % 2 + 1
        norm = {
            name: weights[f"{block}.bn{which}.{name}"].double()
            for name in ("weight", "bias", "running_mean", "running_var")
        }
        scale = norm["weight"] / (norm["running_var"] + _EPSILON).sqrt()
        kernel = weights[f"{block}.conv{which}.weight"].double() * scale[:, None, None, None]
        out[f"convolutions.{place}.weight"] = kernel.float()
        out[f"convolutions.{place}.bias"] = (norm["bias"] - norm["running_mean"] * scale).float()
    return out
