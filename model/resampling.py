"""Sound from one sample rate to another on the device that holds it: a windowed sinc, as one strided convolution."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from model.features import without_autocast

#: Zero crossings of the sinc on either side, and where the pass band ends as a share of the lower Nyquist frequency.
_CROSSINGS = 24
_PASS_BAND = 0.94
#: Of the Kaiser window; about 90 dB down in the stop band.
_BETA = 9.0
#: A convolution with fewer output channels than this wastes the processor's vectors.
_PHASES_AT_LEAST = 16


@lru_cache(maxsize=32)
def _filters(up: int, down: int, blocks: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, int]:
    """Row p of (up·blocks, taps) makes output p of a block of down·blocks inputs; and how far taps reach past it."""
    scale = min(1.0, up / down) * _PASS_BAND
    reach = math.ceil(_CROSSINGS / scale)
    # Outside of inference mode, since it is kept for training too.
    with torch.inference_mode(False):
        outputs = torch.arange(up * blocks, dtype=torch.float64) * down / up
        inputs = torch.arange(-reach, down * blocks + reach, dtype=torch.float64)
        time = outputs[:, None] - inputs[None, :]
        inside = (1 - (time / reach).square()).clamp(min=0)
        window = torch.special.i0(_BETA * inside.sqrt()) / torch.special.i0(torch.tensor(_BETA, dtype=torch.float64))
        rows = scale * torch.sinc(scale * time) * window * (inside > 0)
        return rows.unsqueeze(1).to(device=device, dtype=dtype), reach


@without_autocast
def resample(sound: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Sound at another rate; as it is when the rates are equal.

    Args:
        sound: (..., samples), float32 or float64, at ``from_rate`` hertz; zeros are taken to lie past both ends.

    Returns:
        (..., ceil(samples · to_rate / from_rate)); sample 0 stays at time 0, up to 94 % of the lower Nyquist frequency
        passes.
    """
    if from_rate == to_rate:
        return sound
    common = math.gcd(from_rate, to_rate)
    up, down = to_rate // common, from_rate // common
    blocks = math.ceil(_PHASES_AT_LEAST / up)
    filters, reach = _filters(up, down, blocks, sound.dtype, sound.device)
    samples = sound.shape[-1]
    wanted = -(-samples * up // down)
    count = -(-wanted // (up * blocks))
    padded = functional.pad(sound.reshape(-1, 1, samples), (reach, max(0, count * down * blocks + reach - samples)))
    out = functional.conv1d(padded, filters, stride=down * blocks)
    return out[..., :count].transpose(1, 2).reshape(*sound.shape[:-1], -1)[..., :wanted]
