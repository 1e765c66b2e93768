"""The decay of a measured response: where it meets the noise, what is cut there, and its T30 without the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transforms.records import OCTAVE_BANDS_HZ, Acoustics
from transforms.rooms.acoustics import decay_time_ms, measure, octave_energies, ringing_s, schroeder_decay
from transforms.rooms.measured.response import ResponseRejected

#: A decay has to be visible down to this level, the lower end of T30, in dB below its start.
NEEDED_DB = -35.0
#: A response without noise that decays further than this before it ends is measured as it is.
CLEAN_DB = -55.0
#: An octave whose centre lies above this share of the Nyquist frequency is not measured.
_HIGHEST_SHARE = 0.9

_BLOCK_S = 0.005
#: Where the noise is read, as a share of the response from its end, and how far the fit of the decay stays above it.
_NOISE_SHARE, _ABOVE_NOISE_DB = 0.1, 8.0
#: A decay that meets the noise only after this share of the response has not met it.
_MET_BEFORE = 0.88
_GAP_BLOCKS = 5
_FADE_OUT_S = 0.02
#: What is left after the direct sound of a response without reverberation.
_SHORTEST_S = 0.01


@dataclass(frozen=True)
class Decay:
    """A decay as an exponential over noise, both in energy per sample.

    Attributes:
        knee: the sample where the decay meets the noise; the length of the response where it does not.
        noise: the energy of the noise, 0 where none is met.
        remaining: the energy that the decay would still have had after the knee.
        rate: how much faster than e-fold the energy falls a sample.
    """

    knee: int
    noise: float
    remaining: float
    rate: float

    def schroeder(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """The backward-integrated decay (knee,) without its noise, and with what follows the knee (ISO 3382-1)."""
        cleaned = energies[: self.knee] - self.noise
        return np.maximum(schroeder_decay(cleaned) + self.remaining, 1e-300)


def find_decay(energies: NDArray[np.float64], rate_hz: float, start: int) -> Decay | None:
    """Fits a decay over noise to energies (samples,) that begin to decay at `start` (Lundeby et al., 1995).

    Returns:
        None if nothing decays.
    """
    end = energies.size
    block = max(1, min(round(_BLOCK_S * rate_hz), (end - start) // 40))
    blocks = (end - start) // block
    if blocks < 8:
        return None
    levels = energies[start : start + blocks * block].reshape(blocks, block).mean(axis=1)
    noise = float(levels[-max(1, round(_NOISE_SHARE * blocks)) :].mean())
    loudest = int(np.argmax(levels))
    if not levels[loudest] > 0.0:
        return None
    times = np.arange(blocks) + 0.5
    # A room is silent for a moment between the direct sound and the first reflection.
    ahead = np.max(np.lib.stride_tricks.sliding_window_view(np.pad(levels, (0, _GAP_BLOCKS)), _GAP_BLOCKS + 1), axis=1)
    knee_block, slope, offset = float(blocks), 0.0, 0.0
    for _ in range(6):
        floor = max(noise, float(levels[loudest]) * 1e-9) * 10 ** (_ABOVE_NOISE_DB / 10)
        below = np.flatnonzero(ahead[loudest:] < floor)
        last = loudest + (int(below[0]) if below.size else blocks - loudest)
        # The late part of the visible decay, without the direct sound.
        first = loudest + max(1, (last - loudest) // 3)
        if last - first < 3:
            return None
        fitted = np.log(np.maximum(levels[first:last], 1e-300))
        centred = times[first:last] - times[first:last].mean()
        slope = float(np.sum(centred * fitted) / np.sum(centred * centred))
        if slope >= 0.0:
            return None
        offset = float(fitted.mean()) - slope * float(times[first:last].mean())
        if noise <= 0.0:
            break
        knee_block = (math.log(noise) - offset) / slope
        # The noise is read again from well after the knee, where the decay adds little to it.
        after = math.ceil(knee_block - 10.0 / slope / 4.34)
        if not knee_block < _MET_BEFORE * blocks or after >= blocks - 1:
            break
        again = float(levels[min(after, blocks - max(2, blocks // 20)) :].mean())
        if abs(again - noise) < 0.02 * noise:
            break
        noise = again
    per_sample = -slope / block
    met = noise > 0.0 and knee_block < _MET_BEFORE * blocks and _is_level(levels[math.ceil(knee_block) :], slope)
    knee = start + round(knee_block * block) if met else end
    at_knee = math.exp(offset + slope * ((knee - start) / block))
    return Decay(knee, noise if met else 0.0, at_knee / per_sample, per_sample)


def _is_level(levels: NDArray[np.float64], slope: float) -> bool:
    """Whether levels (blocks,) fall less than half as fast as a decay of this slope, so that they are noise."""
    half = levels.size // 2
    if half < 1:
        return False
    fall = math.log(max(float(levels[:half].mean()), 1e-300) / max(float(levels[half:].mean()), 1e-300))
    return fall < -0.5 * slope * half


def check_decay(response_w: NDArray[np.float32], sample_rate: int, direct_sample: float) -> Decay | None:
    """The decay of W (samples,); None where it is clean and needs no care.

    Raises:
        ResponseRejected: truncated, noisy, no_decay.
    """
    energies = np.square(response_w, dtype=np.float64)
    start = max(0, math.floor(direct_sample))
    decay = find_decay(energies, sample_rate, start)
    if decay is None:
        end = energies[start + (energies.size - start) * 9 // 10 :]
        if energies.size - start > _SHORTEST_S * sample_rate and float(end.mean()) * (
            energies.size - start
        ) > 1e-3 * float(energies[start:].sum()):
            raise ResponseRejected("noisy", "no decay can be seen above its noise")
        raise ResponseRejected("no_decay", "it has no reverberation whose decay could be measured")
    levels = decay.schroeder(energies)
    left_db = 10.0 * math.log10(max(decay.remaining, 1e-300) / levels[0])
    if left_db > NEEDED_DB:
        if decay.noise > 0.0:
            raise ResponseRejected(
                "noisy", f"its decay drowns in noise at {left_db:.1f} dB; T30 needs {NEEDED_DB:.0f} dB"
            )
        raise ResponseRejected("truncated", f"it ends {left_db:.1f} dB below its start; T30 needs {NEEDED_DB:.0f} dB")
    return None if decay.noise <= 0.0 and left_db < CLEAN_DB else decay


def without_noise(samples: NDArray[np.float32], sample_rate: int, decay: Decay) -> NDArray[np.float32]:
    """The samples (channels, n) faded out where their decay meets the noise."""
    if decay.noise <= 0.0:
        return samples
    fade = np.arange(round(_FADE_OUT_S * sample_rate), dtype=np.float32)
    gain = np.float32(0.5) + np.float32(0.5) * np.cos(np.pi * fade / np.float32(fade.size))
    cut = samples[:, : decay.knee + fade.size].copy()
    cut[:, decay.knee :] *= gain[: cut.shape[1] - decay.knee]
    return cut


def measure_decay(
    response_w: NDArray[np.float32], sample_rate: int, direct_sample: float, decay: Decay | None, file_rate: float
) -> Acoustics:
    """Measures W (samples,), and corrects T30 for noise where there is some.

    Args:
        response_w: W before its noise is faded out.
        sample_rate: in hertz.
        direct_sample: when the direct sound arrives, in samples.
        decay: what `check_decay` found.
        file_rate: the sample rate of the file, above half of which there is no sound.
    """
    measured = response_w if decay is None else without_noise(response_w[None, :], sample_rate, decay)[0]
    acoustics = measure(measured, sample_rate, direct_sample)
    bands = acoustics.t30_bands_ms
    if decay is not None:
        energies = np.square(response_w, dtype=np.float64)
        t30_ms = round(decay_time_ms(decay.schroeder(energies), sample_rate, -5.0, -35.0), 2)
        acoustics = replace(acoustics, t30_ms=t30_ms)
        bands = _bands_ms(response_w, sample_rate, direct_sample)
    heard = [centre <= _HIGHEST_SHARE * file_rate / 2 for centre in OCTAVE_BANDS_HZ]
    return replace(
        acoustics, t30_bands_ms=tuple(value if kept else math.nan for value, kept in zip(bands, heard, strict=True))
    )


def _bands_ms(response_w: ArrayLike, sample_rate: int, direct_sample: float) -> tuple[float, ...]:
    """T30 of each octave in ms without its noise; NaN where the octave drowns in it."""
    samples = np.asarray(response_w)
    found = []
    for energies, rate in octave_energies(samples, sample_rate):
        first = round(ringing_s() * rate)
        of_response = energies[: first + round(samples.size / sample_rate * rate)]
        decay = find_decay(of_response, rate, first + math.floor(direct_sample / sample_rate * rate))
        if decay is None:
            found.append(math.nan)
            continue
        levels = decay.schroeder(of_response)
        drowned = decay.remaining > levels[0] * 10 ** (NEEDED_DB / 10)
        found.append(math.nan if drowned else round(decay_time_ms(levels, rate, -5.0, -35.0), 2))
    return tuple(found)
