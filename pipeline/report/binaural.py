"""First-order ambisonics to two ears, with a measured head: filters in this package, or made from a SOFA file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve, oaconvolve, resample_poly

from pipeline.report.spaudiopy import spaudiopy_module
from transforms.errors import one_line

#: The environment variable that names a SOFA file of head-related impulse responses (SimpleFreeFieldHRIR).
SOFA_VARIABLE = "ELSA_SOFA"
#: The filters of MIT's KEMAR that come with this package; their origin and licence stand at the head of the file.
KEMAR_FILTERS = "kemar.csv"

SAMPLE_RATE_HZ = 48_000
_TAPS = 512
# Below this frequency, first-order filters keep the time difference between the ears; above, magnitude least squares
# keeps the level difference.
_MAGLS_FROM_HZ = 1500.0
# The left ear of a symmetric head hears what the right ear hears with left and right swapped: Y changes its sign.
_MIRROR = np.array([1.0, -1.0, 1.0, 1.0])
# SN3D to N3D, which spaudiopy's decoder takes.
_N3D_OF_SN3D = np.array([1.0, np.sqrt(3.0), np.sqrt(3.0), np.sqrt(3.0)])


@dataclass(frozen=True)
class Head:
    """The head to listen with: the one in a SOFA file, or MIT's KEMAR where `sofa` is None."""

    sofa: Path | None = None

    @property
    def text(self) -> str:
        """The head in words, for a reader of the page."""
        if self.sofa is None:
            return "MIT’s KEMAR dummy head, measured by Gardner and Martin (1994)"
        return f"the head in {self.sofa.name}"


def find_head(sofa: str | Path | None = None, environment: Mapping[str, str] = os.environ) -> Head:
    """The head of the given SOFA file, else of the file that ELSA_SOFA names, else the KEMAR of this package.

    Raises:
        FileNotFoundError: when a file is named, by argument or environment, and does not exist.
    """
    named = sofa or environment.get(SOFA_VARIABLE)
    if not named:
        return Head()
    path = Path(named)
    if not path.is_file():
        raise FileNotFoundError(f"no such SOFA file: {path}")
    return Head(path)


@lru_cache(maxsize=4)
def head_sha256(head: Head) -> str:
    """The SHA-256 of the file that the head comes from."""
    return hashlib.sha256(head.sofa.read_bytes() if head.sofa else _kemar_text().encode()).hexdigest()


@lru_cache(maxsize=4)
def ear_filters(head: Head) -> NDArray[np.float64]:
    """The filters from AmbiX (W, Y, Z, X, SN3D) at 48 kHz to the ears: shape (left and right, 4 channels, taps).

    Raises:
        ValueError: when the SOFA file holds no head-related impulse responses.
    """
    if head.sofa is not None:
        return sofa_filters(head.sofa)
    left = np.loadtxt(_kemar_text().splitlines(), delimiter=",").T
    return np.stack([left, left * _MIRROR[:, None]])


def foa_to_binaural(foa: ArrayLike, head: Head) -> NDArray[np.float64]:
    """Ears (samples, 2), left then right, of AmbiX (samples, 4): ACN order (W, Y, Z, X), SN3D, 48 kHz, +90° is left.

    The output is as long as the input. Its level depends on the head.

    Raises:
        ValueError: when there are not four channels.
    """
    samples = np.asarray(foa, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != 4:
        raise ValueError(f"first-order ambisonics has shape (samples, 4), not {samples.shape}")
    ears = oaconvolve(samples.T[None], ear_filters(head), axes=-1).sum(axis=1)
    return np.asarray(ears[:, : len(samples)].T, dtype=np.float64)


def sofa_filters(sofa: Path) -> NDArray[np.float64]:
    """The filters of the head in a SOFA file, by magnitude least squares: shape (left and right, 4 channels, taps).

    Raises:
        ValueError: when the SOFA file holds no head-related impulse responses.
    """
    # spaudiopy takes seconds to import, and the head of this package does not need it.
    decoder, io, sig = map(spaudiopy_module, ("decoder", "io", "sig"))

    try:
        measured = io.load_sofa_hrirs(str(sofa))
    except (AssertionError, KeyError, OSError, IndexError, ValueError) as error:
        raise ValueError(f"{sofa}: not a SOFA file of head-related impulse responses ({one_line(error)})") from error
    left, right = (
        resample_poly(ear, SAMPLE_RATE_HZ, int(measured.fs), axis=-1)[:, :_TAPS]
        for ear in (measured.left, measured.right)
    )
    taps = _diffuse_field_equaliser(np.concatenate([left, right]))
    left, right = (fftconvolve(ear, taps[None, :], axes=-1)[:, :_TAPS] for ear in (left, right))
    hrirs = sig.HRIRs(left, right, measured.azi, measured.zen, SAMPLE_RATE_HZ)
    filters = np.asarray(decoder.magls_bin(hrirs, N_sph=1, f_trans=_MAGLS_FROM_HZ))
    return filters * _N3D_OF_SN3D[:, None]


def _diffuse_field_equaliser(ears: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimum-phase taps that flatten the mean power over all directions of (directions, taps), 100 Hz to 16 kHz.

    A measured set holds the loudspeaker and the ear canal. Headphones would add both once more.
    """
    size = 4096
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    power = np.mean(np.abs(np.fft.rfft(ears, n=size)) ** 2, axis=0)
    held = np.clip(frequencies, 100.0, 16_000.0)
    total = np.concatenate([[0.0], np.cumsum(power)])
    # Averaged over a third of an octave, so that only what all directions share is removed.
    low, high = (np.round(held * 2 ** (side / 6) * size / SAMPLE_RATE_HZ).astype(int) for side in (-1, 1))
    smooth = (total[np.minimum(high + 1, power.size)] - total[low]) / (np.minimum(high + 1, power.size) - low)
    reference = smooth[np.argmin(np.abs(frequencies - 1000.0))]
    gain_log = np.clip(-0.5 * np.log(smooth / reference), -np.log(6.0), np.log(6.0))
    cepstrum = np.fft.irfft(gain_log, n=size)
    cepstrum[1 : size // 2] *= 2.0
    cepstrum[size // 2 + 1 :] = 0.0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n=size)[:_TAPS]


def _kemar_text() -> str:
    return resources.files("pipeline.report").joinpath(KEMAR_FILTERS).read_text(encoding="utf-8")
