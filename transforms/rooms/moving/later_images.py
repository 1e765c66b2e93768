"""The later reflections of a moving source: those of still places along its path, cross-faded in power by octave."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from transforms.convolution import convolve
from transforms.paths import Path
from transforms.records import Placement, Room
from transforms.rooms.acoustics import SPEED_OF_SOUND_M_S, octave_crossover
from transforms.rooms.image_sources import corrected_losses_per_s, gate, image_sources, pulse_trains, sn3d_harmonics
from transforms.rooms.moving.interpolation import lines_between
from transforms.rooms.moving.octave_signals import OctaveSignals
from transforms.rooms.octaves import band_gains, fade_out
from transforms.rooms.room_design import natural_t30_ms
from transforms.rooms.simulate_response import crossfade_s

#: Places along a path are this far apart, unless it is so long that it would have more of them.
PLACE_SPACING_M = 0.25
MOST_PLACES = 25
# A source that moves less than this stands still.
_STANDING_M = 0.01
# Windows are straight lines within blocks of so many samples.
_WINDOW_BLOCK = 64
# Channels of the first order.
_FIRST_ORDER = 4
# Two responses that cancel each other are not made louder than twice the power.
_LEAST_COHERENT = 0.5


def place_times_s(path: Path, duration_s: float) -> NDArray[np.float64]:
    """When a source passes the places along its path, at most ``duration_s`` after its start, (places,)."""
    moving_s = min(path.duration_s, duration_s)
    length_m = path.speed_m_s * moving_s
    if length_m < _STANDING_M:
        return np.zeros(1)
    intervals = min(math.ceil(length_m / PLACE_SPACING_M), MOST_PLACES - 1)
    return np.linspace(0.0, moving_s, intervals + 1)


def later_responses(
    room: Room,
    places: list[Placement],
    decays_ms: NDArray[np.float64],
    *,
    n_samples: int,
    sample_rate: int,
    order: int,
) -> list[NDArray[np.float32]]:
    """The reflections of the second order and above in the response of a still source at each place.

    The decay is corrected reflection by reflection, and not sample by sample as in an `EarlyField`.

    Args:
        room: the room.
        places: the positions of source and receiver.
        decays_ms: the T30s in ms (bands,) that correct the losses.
        n_samples: the length of the result.
        sample_rate: in hertz.
        order: the ambisonic order.

    Returns:
        For each place samples (channels, n_samples).
    """
    size = 2 * scipy.fft.next_fast_len(n_samples, real=True)
    gains = band_gains(size, sample_rate).astype(np.float32)
    per_s = corrected_losses_per_s(natural_t30_ms(room), decays_ms)
    responses = []
    for place in places:
        from_s, to_s = crossfade_s(room, place.distance_m)
        images = image_sources(room, place, SPEED_OF_SOUND_M_S * to_s)
        arrival_s = images.distance_m / SPEED_OF_SOUND_M_S
        corrected = np.exp(-per_s * (arrival_s - arrival_s[0])[:, None]) * fade_out(arrival_s, from_s, to_s)[:, None]
        later = images.reflections > 1
        harmonics = sn3d_harmonics(order, images.direction[later])
        weights = (images.amplitude * corrected)[later, None] * harmonics[:, :, None]
        trains = pulse_trains(arrival_s[later] * sample_rate, weights.reshape(len(weights), -1), n_samples)
        spectra = scipy.fft.rfft(trains.astype(np.float32).reshape(*weights.shape[1:], n_samples), size, axis=2)
        response = scipy.fft.irfft(np.sum(spectra * gains, axis=1), size, axis=1)[:, :n_samples]
        first = float(arrival_s[min(1, arrival_s.size - 1)]) * sample_rate
        responses.append(response * gate(n_samples, first).astype(np.float32))
    return responses


def render_later_images(
    signal: OctaveSignals,
    responses: list[NDArray[np.float32]],
    times_s: NDArray[np.float64],
    *,
    n_samples: int,
    sample_rate: int,
) -> NDArray[np.float32]:
    """Renders what changes slowly along a path, with a response for each place.

    Two neighbouring responses are cross-faded with the power between their powers in each octave, whatever their
    coherence: at low frequencies they are nearly equal, and at high ones independent.

    Args:
        signal: what the source emits from the start of its path on.
        responses: the response of each place (channels, taps), whose lengths may differ.
        times_s: when the source passes each place.
        n_samples: the length of the result.
        sample_rate: in hertz.

    Returns:
        Samples (channels, n_samples).
    """
    if len(responses) == 1:
        return convolve(np.pad(signal.samples, (0, n_samples - signal.samples.size)), responses[0])
    result = np.zeros((len(responses[0]), n_samples), dtype=np.float32)
    passed = np.rint(times_s * sample_rate).astype(np.int64).tolist()
    crossfades = [
        _crossfade(signal.octaves(start, stop), *powers)
        for (start, stop), powers in zip(itertools.pairwise(passed), _powers(responses, sample_rate), strict=True)
    ]
    silence = np.zeros(0, dtype=np.float32)
    rising = [silence, *(rise for _, rise in crossfades)]
    falling = [*(fall for fall, _ in crossfades), signal.samples[passed[-1] :]]
    for middle, rise, fall, response in zip(passed, rising, falling, responses, strict=True):
        start = middle - rise.size
        part = np.concatenate([rise, fall, np.zeros(response.shape[1] - 1, dtype=np.float32)])[: n_samples - start]
        result[:, start : start + part.size] += convolve(part, response)
    return result


def _powers(
    responses: list[NDArray[np.float32]], sample_rate: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of two neighbours, the power (bands, 2) of each, and half the power (bands,) that both have in common.

    Those of the first order, so that its channels are the same in every order.
    """
    length = scipy.fft.next_fast_len(max(response.shape[1] for response in responses), real=True)
    octaves = octave_crossover(scipy.fft.rfftfreq(length, 1.0 / sample_rate))
    spectra = (scipy.fft.rfft(response[:_FIRST_ORDER], length, axis=1) for response in responses)
    for one, other in itertools.pairwise(spectra):
        first, second, common = (
            np.sum(octaves * _products(*pair), axis=1) for pair in ((one, one), (other, other), (one, other))
        )
        yield np.stack([first, second], axis=1), common


def _products(one: NDArray[np.complex64], other: NDArray[np.complex64]) -> NDArray[np.float32]:
    """The real part of spectra (channels, bins) times the conjugate of others, added up over the channels, (bins,)."""
    # A product of complex numbers is not rounded in the same way on every processor.
    return np.asarray(np.sum(one.real * other.real + one.imag * other.imag, axis=0))


def _crossfade(
    octaves: NDArray[np.float32], powers: NDArray[np.float64], common: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Shares the signal between two places out to their responses.

    Args:
        octaves: that signal, (bands, n).
        powers: the power of both responses by octave, (bands, 2).
        common: half the power that they have in common, (bands,).

    Returns:
        The share (n,) of the first response, which falls, and that of the second one, which rises.
    """
    n_samples = octaves.shape[1]
    edges = -(-n_samples // _WINDOW_BLOCK) + 1
    angle = 0.5 * np.pi * np.minimum(np.arange(edges) * (_WINDOW_BLOCK / max(n_samples, 1)), 1.0)
    fall, rise = np.cos(angle), np.sin(angle)
    totals = (np.zeros(n_samples, dtype=np.float32), np.zeros(n_samples, dtype=np.float32))
    for octave, (first, second), both in zip(octaves, powers, common, strict=True):
        wanted = first * fall * fall + second * rise * rise
        coherent = np.maximum(wanted + 2.0 * both * fall * rise, _LEAST_COHERENT * wanted)
        level = np.sqrt(np.divide(wanted, coherent, out=np.ones(edges), where=coherent > 0.0))
        for total, window in zip(totals, (fall, rise), strict=True):
            total += octave * lines_between((level * window).astype(np.float32), _WINDOW_BLOCK)[:n_samples]
    return totals
