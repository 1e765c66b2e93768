"""How a clip is recorded: frequency responses of the channels, leakage of W, and noise.

Each recorded channel is its own channel times a response, plus W times another response, plus noise with a spectrum.
All of them are given at FREQUENCIES_HZ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The frequencies of responses and spectra. Between them, values are linear over the logarithm of frequency.
FREQUENCIES_HZ: NDArray[np.float64] = np.geomspace(20.0, 24000.0, 64)


@dataclass(frozen=True)
class Recording:
    """How one clip is recorded; K is the number of frequencies, the channels are W, Y, Z, X.

    Attributes:
        response: (4, K), gain of each channel, without phase.
        from_w: (4, K) complex, response from W to each channel, added to the channel itself.
        noise: (4, K), amplitude spectrum of the noise. A constant a is white noise with a times the RMS value of W.
        noise_key: (4,) integers from 0 to 2⁶², select the noise.
    """

    response: NDArray[np.float64]
    from_w: NDArray[np.complex128]
    noise: NDArray[np.float64]
    noise_key: NDArray[np.int64]

    @classmethod
    def ideal(cls, noise_key: NDArray[np.int64]) -> Recording:
        """A recording that changes nothing."""
        shape = (4, len(FREQUENCIES_HZ))
        return cls(np.ones(shape), np.zeros(shape, complex), np.zeros(shape), noise_key)

    @property
    def is_ideal(self) -> bool:
        """Whether the recording changes nothing."""
        return bool((self.response == 1).all() and (self.from_w == 0).all() and (self.noise == 0).all())
