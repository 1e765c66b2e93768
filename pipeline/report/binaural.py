"""First-order ambisonics to two ears: a magnitude-least-squares decoder on measured or modelled head responses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import fftconvolve, resample_poly
from scipy.special import eval_legendre

from pipeline.report.spaudiopy import spaudiopy_module

#: The environment variable that names a SOFA file of head-related impulse responses (SimpleFreeFieldHRIR).
SOFA_VARIABLE = "ELSA_SOFA"
#: Where Debian's libmysofa1 puts MIT's KEMAR (Gardner and Martin, 1995: free to use when the authors are cited).
KEMAR_SOFA = Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa")

SAMPLE_RATE_HZ = 48_000
_TAPS = 512
# The modelled head: a rigid sphere of the usual radius, its ears a little behind the axis (Duda and Martens, 1998).
_HEAD_RADIUS_M = 0.0875
_EAR_AZIMUTH_DEG = 100.0
_SPEED_OF_SOUND_M_S = 343.0
# Beyond order ka + 10 the sphere's modes are below −100 dB; ka is 38 at 24 kHz.
_SPHERE_ORDER = 50
# The nearer ear hears before the centre of the head would: leave room in front so that nothing wraps to the end.
_LEAD_SAMPLES = 64
_GRID_DEGREE = 15
# First order carries the time between the ears up to here; above, magLS keeps the level between them. For a source at
# the side of the sphere: 0.71 ms at 300 Hz and 0.48 ms at 800 Hz, where the head itself has 0.75 and 0.69.
_MAGLS_FROM_HZ = 1500.0


@dataclass(frozen=True)
class Head:
    """Where the head responses come from: a SOFA file, or None for the rigid sphere; `text` says so to a reader."""

    sofa: Path | None
    text: str


def find_head(sofa: str | Path | None = None, environment: Mapping[str, str] = os.environ) -> Head:
    """The head to listen with: the SOFA file given, else the one ELSA_SOFA names, else Debian's KEMAR, else a sphere.

    Raises:
        FileNotFoundError: when a file is named, by argument or environment, and is not there.
    """
    named = sofa or environment.get(SOFA_VARIABLE)
    if named:
        path = Path(named)
        if not path.is_file():
            raise FileNotFoundError(f"no such SOFA file: {path}")
        return Head(path, f"the head responses in {path.name}")
    if KEMAR_SOFA.is_file():
        return Head(KEMAR_SOFA, "MIT’s KEMAR dummy head (Gardner and Martin)")
    return Head(
        None, "a rigid sphere of 8.75 cm for a head: without pinnae, front and back, up and down sound much alike"
    )


def sphere_response(cosine: ArrayLike, frequencies_hz: ArrayLike) -> NDArray[np.complex128]:
    """Pressure on a rigid sphere over that of the plane wave at its centre, shape (directions, frequencies).

    `cosine` is that of the angle between the ear and the direction the wave comes from; time runs as e^{+jωt}.
    """
    spherical_hn2 = spaudiopy_module("sph").spherical_hn2

    cosine, frequencies = np.atleast_1d(cosine).astype(float), np.atleast_1d(frequencies_hz).astype(float)
    ka = 2 * np.pi * np.maximum(frequencies, 1.0) * _HEAD_RADIUS_M / _SPEED_OF_SOUND_M_S
    response = np.zeros((cosine.size, ka.size), dtype=np.complex128)
    for order in range(_SPHERE_ORDER + 1):
        with np.errstate(all="ignore"):
            # At low ka the derivative overflows, where the mode is nothing.
            mode = np.nan_to_num(1.0 / (ka**2 * spherical_hn2(order, ka, derivative=True)), nan=0.0, posinf=0, neginf=0)
        weight = (2 * order + 1) * 1j ** (order - 1) * mode
        response += eval_legendre(order, cosine)[:, None] * weight[None, :]
    return response


def _sphere_hrirs(azimuth: NDArray[np.float64], zenith: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Left and right impulse responses (directions, taps) of the rigid sphere; angles in radians."""
    frequencies = np.fft.rfftfreq(_TAPS, 1 / SAMPLE_RATE_HZ)
    lead = np.exp(-2j * np.pi * frequencies * _LEAD_SAMPLES / SAMPLE_RATE_HZ)

    def ear(ear_azimuth_deg: float) -> NDArray[np.float64]:
        cosine = np.sin(zenith) * np.cos(azimuth - np.radians(ear_azimuth_deg))
        response = sphere_response(cosine, frequencies) * lead
        response[:, -1] = response[:, -1].real
        return np.fft.irfft(response, n=_TAPS)

    return ear(_EAR_AZIMUTH_DEG), ear(-_EAR_AZIMUTH_DEG)


def _diffuse_field_equaliser(ears: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimum-phase taps that flatten the mean power over all directions of (directions, taps), 100 Hz to 16 kHz.

    Measured sets hold the loudspeaker and the ear canal, which headphones bring once more.
    """
    size = 4096
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    power = np.mean(np.abs(np.fft.rfft(ears, n=size)) ** 2, axis=0)
    held = np.clip(frequencies, 100.0, 16_000.0)
    total = np.concatenate([[0.0], np.cumsum(power)])
    # A third of an octave: only what no direction explains is taken out.
    low, high = (np.round(held * 2 ** (side / 6) * size / SAMPLE_RATE_HZ).astype(int) for side in (-1, 1))
    smooth = (total[np.minimum(high + 1, power.size)] - total[low]) / (np.minimum(high + 1, power.size) - low)
    reference = smooth[np.argmin(np.abs(frequencies - 1000.0))]
    gain_log = np.clip(-0.5 * np.log(smooth / reference), -np.log(6.0), np.log(6.0))
    cepstrum = np.fft.irfft(gain_log, n=size)
    cepstrum[1 : size // 2] *= 2.0
    cepstrum[size // 2 + 1 :] = 0.0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n=size)[:_TAPS]


@lru_cache(maxsize=4)
def decoder(head: Head) -> NDArray[np.float64]:
    """The decoding filters, shape (2 ears, 4 channels in ACN order and N3D, taps), at 48 kHz.

    Raises:
        ValueError: when the SOFA file is not one of head-related impulse responses.
    """
    # spaudiopy takes seconds to import and is of no use to a page without players.
    spa_decoder, grids, io, sig, utils = map(spaudiopy_module, ("decoder", "grids", "io", "sig", "utils"))

    if head.sofa is None:
        azimuth, zenith, _ = utils.cart2sph(*grids.load_t_design(_GRID_DEGREE).T)
        left, right = _sphere_hrirs(azimuth, zenith)
        hrirs = sig.HRIRs(left, right, azimuth, zenith, SAMPLE_RATE_HZ)
    else:
        try:
            measured = io.load_sofa_hrirs(str(head.sofa))
        except (AssertionError, KeyError, OSError, IndexError, ValueError) as error:
            raise ValueError(f"{head.sofa}: not a SOFA file of head-related impulse responses ({error})") from error
        left, right = (
            resample_poly(ear, SAMPLE_RATE_HZ, int(measured.fs), axis=-1)[:, :_TAPS]
            for ear in (measured.left, measured.right)
        )
        taps = _diffuse_field_equaliser(np.concatenate([left, right]))
        left, right = (fftconvolve(ear, taps[None, :], axes=-1)[:, :_TAPS] for ear in (left, right))
        hrirs = sig.HRIRs(left, right, measured.azi, measured.zen, SAMPLE_RATE_HZ)
    return np.asarray(spa_decoder.magls_bin(hrirs, N_sph=1, f_trans=_MAGLS_FROM_HZ))


def foa_to_binaural(foa: ArrayLike, head: Head) -> NDArray[np.float64]:
    """Ears (samples, 2), left then right, of AmbiX (samples, 4): ACN order (W, Y, Z, X), SN3D, 48 kHz, +90° is left.

    The output is as long as the input, the level whatever the head gives.

    Raises:
        ValueError: when there are not four channels.
    """
    spa_decoder, sph = spaudiopy_module("decoder"), spaudiopy_module("sph")

    samples = np.asarray(foa, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != 4:
        raise ValueError(f"first-order ambisonics has shape (samples, 4), not {samples.shape}")
    ears = spa_decoder.sh2bin(sph.sn3d_to_n3d(samples.T), decoder(head))
    return np.asarray(ears[:, : len(samples)].T, dtype=np.float64)
