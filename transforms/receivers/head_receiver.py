"""A head as a receiver: its measured filters, with delays taken out, so that they can be interpolated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from transforms.receivers.direction_table import DirectionTable, filters_of_spectra
from transforms.receivers.directions import MeasuredDirections
from transforms.receivers.head_file import Head
from transforms.receivers.mixing import square_roots

# Filters: their length, the tap of the arrival, and how long they fade out at their end.
_TAPS, _CENTRE, _FADE = 384, 64, 32
# Silence before a measured impulse response, in which filters of resampling ring.
_LEAD = 64
# The transform in which delays are found, and how much finer than samples they are looked for.
_SIZE, _FINER = 2048, 4
# Where the level of a head is compared with that of an ideal receiver.
_LEVEL_HZ = (250.0, 1000.0)
#: The filters of a diffuse field.
DIFFUSE_TAPS = 1024
_DECIMALS = 9
_AT_A_TIME = 256


@dataclass(frozen=True)
class HeadFilters:
    """How a head hears."""

    table: DirectionTable
    diffuse: NDArray[np.float32]
    """Filters (ears, ears, taps) from independent noise of unit power to both ears in a diffuse field."""


def head_filters(head: Head, sample_rate: int) -> HeadFilters:
    """The filters of a head.

    Its level is that of an ideal receiver's W in a diffuse field, between 250 and 1000 Hz, and its mean delay is zero.

    Raises:
        ValueError: its directions do not surround it.
    """
    directions = MeasuredDirections(head.direction)
    impulses, delays = _resampled(head, sample_rate)
    found = _arrivals(impulses)
    aligned = _aligned(impulses, found)
    delays = delays + found
    areas = directions.areas()
    delays -= np.sum(areas[:, None] * delays) / delays.shape[1]
    delays = np.round(delays, 4)
    coherence = _coherence(aligned, delays, areas)
    frequency_hz = scipy.fft.rfftfreq(DIFFUSE_TAPS, 1.0 / sample_rate)
    compared = (frequency_hz >= _LEVEL_HZ[0]) & (frequency_hz <= _LEVEL_HZ[1])
    power = float(np.mean(np.einsum("fii->f", coherence[compared]).real)) / coherence.shape[1]
    if not 1e-18 < power < math.inf:
        raise ValueError(f"it is silent between {_LEVEL_HZ[0]:g} and {_LEVEL_HZ[1]:g} Hz")
    aligned /= math.sqrt(power)
    roots = np.moveaxis(square_roots(coherence / power), 0, 2)
    diffuse = filters_of_spectra(roots, DIFFUSE_TAPS, DIFFUSE_TAPS // 2)
    filters = np.round(aligned, _DECIMALS).astype(np.float32)
    table = DirectionTable(
        directions,
        filters,
        _CENTRE,
        math.ceil(-float(delays.min())) + 4,
        delays.astype(np.float32),
        np.einsum("det,det->de", filters, filters),
    )
    return HeadFilters(table, np.round(diffuse, _DECIMALS).astype(np.float32))


def _resampled(head: Head, sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Impulse responses (directions, ears, taps) at a sample rate, after `_LEAD` samples of silence, and delays."""
    padded = np.pad(head.impulses, ((0, 0), (0, 0), (_LEAD, 0)))
    rate = round(head.sample_rate)
    factor = sample_rate / rate
    if rate != sample_rate:
        common = math.gcd(rate, sample_rate)
        padded = scipy.signal.resample_poly(padded, sample_rate // common, rate // common, axis=2)
        # A response keeps its gain.
        padded /= factor
    return padded[:, :, :_SIZE], (head.delays - _LEAD) * factor


def _arrivals(impulses: NDArray[np.float64]) -> NDArray[np.float64]:
    """When sound arrives, in samples (directions, ears): where the response is most like its minimum phase."""
    arrivals = np.empty(impulses.shape[:2])
    fold = np.zeros(_SIZE)
    fold[0] = fold[_SIZE // 2] = 1.0
    fold[1 : _SIZE // 2] = 2.0
    for start in range(0, len(impulses), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        spectra = scipy.fft.rfft(impulses[part], _SIZE, axis=2)
        magnitude = np.abs(spectra)
        magnitude = np.maximum(magnitude, 1e-4 * magnitude.max(axis=2, keepdims=True))
        cepstra = scipy.fft.irfft(np.log(magnitude), _SIZE, axis=2) * fold
        least = np.exp(scipy.fft.rfft(cepstra, _SIZE, axis=2))
        likeness = scipy.fft.irfft(spectra * least.conj(), _FINER * _SIZE, axis=2)
        best = np.argmax(likeness, axis=2)
        before, at, after = (
            np.take_along_axis(likeness, (best[:, :, None] + step) % (_FINER * _SIZE), axis=2)[:, :, 0]
            for step in (-1, 0, 1)
        )
        bend = before - 2.0 * at + after
        top = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend), where=bend < 0.0)
        best = np.where(best > _FINER * _SIZE // 2, best - _FINER * _SIZE, best)
        arrivals[part] = (best + top) / _FINER
    return np.round(arrivals, 3)


def _aligned(impulses: NDArray[np.float64], arrivals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filters (directions, ears, taps) whose sound arrives at the tap `_CENTRE`."""
    aligned = np.empty((*impulses.shape[:2], _TAPS))
    turns = 2.0j * np.pi * scipy.fft.rfftfreq(2 * _SIZE)
    for start in range(0, len(impulses), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        spectra = scipy.fft.rfft(impulses[part], 2 * _SIZE, axis=2) * np.exp(turns * arrivals[part, :, None])
        aligned[part] = filters_of_spectra(spectra, _TAPS, _CENTRE)
    aligned[:, :, _TAPS - _FADE :] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(_FADE) + 0.5) / _FADE)
    return aligned


def _coherence(
    aligned: NDArray[np.float64], delays: NDArray[np.float64], areas: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """The mean products of the ears' spectra over all directions, (bins, ears, ears)."""
    turns = -2.0j * np.pi * scipy.fft.rfftfreq(DIFFUSE_TAPS)
    total = np.zeros((turns.size, aligned.shape[1], aligned.shape[1]), dtype=np.complex128)
    for start in range(0, len(aligned), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        spectra = scipy.fft.rfft(aligned[part], DIFFUSE_TAPS, axis=2) * np.exp(turns * delays[part, :, None])
        total += np.einsum("d,dif,djf->fij", areas[part], spectra, spectra.conj())
    return total
