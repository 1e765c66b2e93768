"""Resamples sound on the device that holds it, with a windowed sinc in one strided convolution."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from model.features import without_autocast

#: Zero crossings of the sinc on either side, and the end of the pass band as a share of the lower Nyquist frequency.
_CROSSINGS = 24
_PASS_BAND = 0.94
#: Shape of the Kaiser window; the stop band is about 90 dB down.
_BETA = 9.0
#: With fewer output channels, a convolution does not fill the processor's vector units.
_PHASES_AT_LEAST = 16


@lru_cache(maxsize=32)
def _filters(up: int, down: int, blocks: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, int]:
    """Filters (up·blocks, 1, taps), and how many samples they reach past a block.

    Row p computes output p of a block of down·blocks inputs.
    """
    scale = min(1.0, up / down) * _PASS_BAND
    reach = math.ceil(_CROSSINGS / scale)
    # Outside of inference mode, because the cached tensor is also used in training.
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
    """Resamples sound; if the rates are equal, returns it unchanged.

    Args:
        sound: (..., samples), float32 or float64. It is zero outside.
        from_rate, to_rate: in hertz.

    Returns:
        (..., ceil(samples · to_rate / from_rate)). Sample 0 stays at time 0. The pass band ends at 94 % of the lower
        Nyquist frequency.
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
