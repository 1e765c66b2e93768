"""The late part of a room response: diffuse noise in octaves, each with its own decay."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from transforms.records import Room
from transforms.rooms.acoustics import DECAY_60_DB, SPEED_OF_SOUND_M_S
from transforms.rooms.octaves import band_gains, fade_out
from transforms.seeds import keyed_generator

# The last part of a response fades to zero within this time.
_FADE_OUT_S = 0.01
# Blocks, in samples, of the exponential envelope and of the level's measurement; the latter's window spans five blocks.
_ENVELOPE_BLOCK = 1024
_LEVEL_BLOCK = 512
_LEVEL_WINDOW = np.array([0.5, 1.0, 1.0, 1.0, 0.5])
# The level of the first order is made even, because decays are measured on W. Above it there are many channels: their
# level is left as it is, and their octaves up to 1 kHz decay at an eighth of the sample rate, which holds them well.
_LEVELLED_CHANNELS = 4
_LOW_BANDS, _LOW_STEP = 4, 8


class DiffuseTail:
    """The diffuse field after the image sources: independent noise in each channel, in octaves with their own decays.

    Args:
        room: the room, whose volume gives the power of the field.
        seed: the seed of the noise.
        n_samples: the length of the response.
        sample_rate: in hertz.
        fade_s: when the cross-fade from the image sources begins and ends, in seconds after the emission.
    """

    def __init__(self, room: Room, seed: int, n_samples: int, sample_rate: int, fade_s: tuple[float, float]) -> None:
        self.sample_rate = sample_rate
        self.start = math.floor(fade_s[0] * sample_rate)
        self.n_samples = n_samples
        self._seed = seed
        self._length = scipy.fft.next_fast_len(n_samples - self.start, real=True)
        gains = band_gains(self._length, sample_rate)
        # The power that white noise of unit variance has in each band.
        self._powers = np.mean(np.square(gains), axis=1)
        self._gains = gains.astype(np.float32)
        # 4πc³t²/V reflections arrive in a second, each with the power 1/(ct)²; so their power does not depend on time.
        power = 4.0 * math.pi * SPEED_OF_SOUND_M_S / (room.volume_m3 * sample_rate)
        times_s = np.arange(self.start, n_samples) / sample_rate
        fades = np.sqrt(np.maximum(1.0 - fade_out(times_s, *fade_s) ** 2, 0.0))
        ending = np.clip((n_samples / sample_rate - times_s) / _FADE_OUT_S, 0.0, 1.0)
        self._window = (math.sqrt(power) * fades * ending).astype(np.float32)
        self._omnidirectional = self._bands(0)
        self._last: tuple[tuple[float, ...], list[NDArray[np.float32]]] | None = None

    def channel(self, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float32]:
        """The tail (samples,) of an ACN channel, from the emission on, with these T30s in ms (bands,)."""
        if channel >= _LEVELLED_CHANNELS:
            return self._higher(channel, decays_ms)
        bands = self._omnidirectional if channel == 0 else self._bands(channel)
        n_tail = self.n_samples - self.start
        total = np.zeros(n_tail, dtype=np.float32)
        for band, envelope in zip(bands, self._envelopes(decays_ms, n_tail), strict=True):
            total += band * envelope
        total *= self._window
        return np.concatenate([np.zeros(self.start, dtype=np.float32), total])

    def _higher(self, channel: int, decays_ms: NDArray[np.float64]) -> NDArray[np.float32]:
        """The tail (samples,) of a channel above the first order."""
        n_tail = self.n_samples - self.start
        gains = self._higher_gains
        short = 2 * (gains.shape[1] - 1) // _LOW_STEP
        spectrum = scipy.fft.rfft(white_noise(self._seed, channel, short * _LOW_STEP))
        spectrum *= np.float32(1.0 / math.sqrt(2 * math.isqrt(channel) + 1))
        envelopes = self._envelopes(decays_ms, n_tail)
        octaves = scipy.fft.irfft(spectrum * gains[_LOW_BANDS:], short * _LOW_STEP, axis=1, overwrite_x=True)
        total = np.zeros(n_tail, dtype=np.float32)
        for octave, envelope in zip(octaves, envelopes[_LOW_BANDS:], strict=True):
            total += octave[:n_tail] * envelope
        total *= self._window
        kept = short // 2 + 1
        low = np.zeros(short, dtype=np.float32)
        for octave, envelope in zip(
            scipy.fft.irfft(spectrum[:kept] * gains[:_LOW_BANDS, :kept], short, axis=1),
            envelopes[:_LOW_BANDS],
            strict=True,
        ):
            decay = envelope[::_LOW_STEP]
            low[: decay.size] += octave[: decay.size] * decay
        # The window is zero at both ends, so nothing rings when zeros are appended to the spectrum.
        window = self._window[::_LOW_STEP]
        low[: window.size] *= window
        raised = np.zeros(spectrum.size, dtype=np.complex64)
        raised[: kept - 1] = scipy.fft.rfft(low)[:-1]
        total += scipy.fft.irfft(raised, short * _LOW_STEP)[:n_tail]
        return np.concatenate([np.zeros(self.start, dtype=np.float32), total])

    @cached_property
    def _higher_gains(self) -> NDArray[np.float32]:
        """The gains (bands, bins) for a length that is a multiple of `_LOW_STEP`."""
        short = scipy.fft.next_fast_len(-(-(self.n_samples - self.start) // _LOW_STEP), real=True)
        return band_gains(_LOW_STEP * (short + short % 2), self.sample_rate).astype(np.float32)

    def _bands(self, channel: int) -> NDArray[np.float32]:
        """Stationary noise in bands (bands, samples) for an ACN channel.

        By SN3D the variance of a channel of degree n is 1/(2n + 1) in a diffuse field.
        """
        spectrum = scipy.fft.rfft(white_noise(self._seed, channel, self._length))
        spectrum *= np.float32(1.0 / math.sqrt(2 * math.isqrt(channel) + 1))
        bands = scipy.fft.irfft(spectrum * self._gains, self._length, axis=1, overwrite_x=True)
        return self._levelled(bands[:, : self.n_samples - self.start], 1.0 / (2 * math.isqrt(channel) + 1))

    def _levelled(self, bands: NDArray[np.float32], variance: float) -> NDArray[np.float32]:
        """Noise (bands, samples) whose power is even over about 50 ms, so that chance does not change a short decay."""
        n_tail = bands.shape[1]
        blocks = -(-n_tail // _LEVEL_BLOCK)
        padded = np.zeros((len(bands), blocks, _LEVEL_BLOCK), dtype=np.float32)
        padded.reshape(len(bands), -1)[:, :n_tail] = bands
        energies = np.einsum("bkn,bkn->bk", padded, padded).astype(np.float64)
        counts = np.full(blocks, float(_LEVEL_BLOCK))
        counts[-1] = n_tail - (blocks - 1) * _LEVEL_BLOCK
        smoothed = scipy.ndimage.convolve1d(energies, _LEVEL_WINDOW, axis=1, mode="constant")
        smoothed /= scipy.ndimage.convolve1d(counts, _LEVEL_WINDOW, mode="constant")
        gains = np.sqrt(variance * self._powers[:, None] / smoothed)
        # The gain is interpolated linearly from edge to edge of the blocks.
        edges = np.concatenate([gains[:, :1], 0.5 * (gains[:, 1:] + gains[:, :-1]), gains[:, -1:]], axis=1)
        edges = edges.astype(np.float32)[:, :, None]
        ramp = np.arange(_LEVEL_BLOCK, dtype=np.float32) / np.float32(_LEVEL_BLOCK)
        padded *= edges[:, :-1] + (edges[:, 1:] - edges[:, :-1]) * ramp
        return padded.reshape(len(bands), -1)[:, :n_tail]

    def _envelopes(self, decays_ms: NDArray[np.float64], n_tail: int) -> list[NDArray[np.float32]]:
        """The amplitudes of all bands, kept until there are others, because all channels have the same."""
        decays = tuple(decays_ms.tolist())
        if self._last is None or self._last[0] != decays:
            self._last = decays, [self._envelope(decay_ms, n_tail) for decay_ms in decays]
        return self._last[1]

    def _envelope(self, decay_ms: float, n_tail: int) -> NDArray[np.float32]:
        """Amplitude of an exponential decay (n_tail,) from the tail's start on, as the product of two short tables."""
        per_sample = 0.5 * DECAY_60_DB / (decay_ms / 1000.0 * self.sample_rate)
        blocks = np.exp(-per_sample * (self.start + _ENVELOPE_BLOCK * np.arange(n_tail // _ENVELOPE_BLOCK + 1)))
        inside = np.exp(-per_sample * np.arange(_ENVELOPE_BLOCK))
        return np.outer(blocks.astype(np.float32), inside.astype(np.float32)).ravel()[:n_tail]


def white_noise(seed: int, channel: int, n_samples: int) -> NDArray[np.float32]:
    """White noise of unit variance (n_samples,), the same on every machine.

    Each sample is the sum of four 16-bit numbers out of the generator's raw bits; a normal distribution would call
    functions of the C library, which differ in the last place.
    """
    generator = keyed_generator(seed, "diffuse", channel)
    raw = np.asarray(generator.bit_generator.random_raw(n_samples)).astype("<u8", copy=False)
    parts = raw.view("<i2").reshape(n_samples, 4)
    sums = np.add(parts[:, 0], parts[:, 1], dtype=np.int32)
    sums += parts[:, 2]
    sums += parts[:, 3]
    # Each of the four is uniform over 65,536 values, whose mean is −1/2.
    return np.asarray((sums + 2) / math.sqrt(4.0 * (65_536.0**2 - 1.0) / 12.0), dtype=np.float32)
