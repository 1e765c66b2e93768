"""What a recording does to a sound field: responses over frequency, and noise.

Each channel of a recording is a response times what reached it, plus W by another response, plus noise with a spectrum.
The responses are given at FREQUENCIES_HZ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Where responses are given, in hertz; between them they are linear over the logarithm of frequency.
FREQUENCIES_HZ: NDArray[np.float64] = np.geomspace(20.0, 24000.0, 64)


@dataclass(frozen=True)
class Recording:
    """How one clip is recorded; K frequencies, channels W, Y, Z, X.

    Attributes:
        response: (4, K), of each channel to itself, without phase.
        from_w: (4, K) complex, what each channel gets of W besides.
        noise: (4, K), spectrum of the noise as amplitude: a constant a is white noise of a times the clip's effective
            value of W.
        noise_key: (4,) integers from 0 to 2⁶², which noise.
    """

    response: NDArray[np.float64]
    from_w: NDArray[np.complex128]
    noise: NDArray[np.float64]
    noise_key: NDArray[np.int64]

    @classmethod
    def ideal(cls, noise_key: NDArray[np.int64]) -> Recording:
        """One that changes nothing."""
        shape = (4, len(FREQUENCIES_HZ))
        return cls(np.ones(shape), np.zeros(shape, complex), np.zeros(shape), noise_key)

    @property
    def is_ideal(self) -> bool:
        """Whether it changes nothing."""
        return bool((self.response == 1).all() and (self.from_w == 0).all() and (self.noise == 0).all())
