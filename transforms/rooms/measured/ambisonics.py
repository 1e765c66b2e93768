"""Conversion of ambisonic channels between orders and normalisations, to ACN and SN3D."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from transforms.rooms.measured.response import ResponseRejected
from transforms.rooms.measured.settings import Conventions

#: The ACN of each channel of the Furse-Malham order: W, X Y Z, R S T U V, K L M N O P Q.
FUMA_ORDER = (0, 3, 1, 2, 6, 7, 5, 8, 4, 12, 13, 11, 14, 10, 15, 9)
#: What SN3D is multiplied by to give FuMa, by ACN: W is 3 dB lower, every other channel is at most 1.
_FUMA_OVER_SN3D = (
    *(1 / math.sqrt(2), 1.0, 1.0, 1.0),
    *(2 / math.sqrt(3), 2 / math.sqrt(3), 1.0, 2 / math.sqrt(3), 2 / math.sqrt(3)),
    *(math.sqrt(8 / 5), 3 / math.sqrt(5), math.sqrt(45 / 32), 1.0, math.sqrt(45 / 32), 3 / math.sqrt(5)),
    math.sqrt(8 / 5),
)
HIGHEST_FUMA_ORDER = 3
#: The highest order that is read.
HIGHEST_ORDER = 7


def order_of(channels: int) -> int:
    """The ambisonic order that has so many channels.

    Raises:
        ResponseRejected: no order has so many, or it is less than the first or more than the highest.
    """
    order = math.isqrt(channels) - 1
    if (order + 1) ** 2 != channels or not 1 <= order <= HIGHEST_ORDER:
        orders = ", ".join(str((one + 1) ** 2) for one in range(1, HIGHEST_ORDER + 1))
        raise ResponseRejected("channels", f"{channels} channels; an ambisonic response has one of {orders}")
    return order


def to_ambix(samples: NDArray[np.float32], conventions: Conventions) -> NDArray[np.float32]:
    """Samples (channels, n) in the stated order and normalisation as ACN and SN3D.

    Raises:
        ResponseRejected: the number of channels is that of no order, or of one that FuMa does not define.
    """
    order = order_of(len(samples))
    fuma = "fuma" in (conventions.channels, conventions.normalisation)
    if fuma and order > HIGHEST_FUMA_ORDER:
        raise ResponseRejected("channels", f"FuMa ends at order {HIGHEST_FUMA_ORDER}; this is order {order}")
    if conventions.channels == "fuma":
        of_acn = np.argsort(FUMA_ORDER[: len(samples)])
        samples = samples[of_acn]
    gains = sn3d_gains(order, conventions.normalisation or "sn3d")
    return np.ascontiguousarray(samples * gains[:, None])


def sn3d_gains(order: int, normalisation: str) -> NDArray[np.float32]:
    """What each ACN channel is multiplied by to become SN3D, (channels,)."""
    channels = (order + 1) ** 2
    if normalisation == "n3d":
        return np.array([1 / math.sqrt(2 * math.isqrt(acn) + 1) for acn in range(channels)], dtype=np.float32)
    if normalisation == "fuma":
        return np.array([1 / gain for gain in _FUMA_OVER_SN3D[:channels]], dtype=np.float32)
    return np.ones(channels, dtype=np.float32)
