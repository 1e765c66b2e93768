"""MP3s whose length is known, and their frames."""

from __future__ import annotations

import functools

import numpy as np

from tests.sounds import RATE, encoded, noise_burst

SAMPLES_A_FRAME = 1152
#: Where the tag that counts the frames stands in its frame, in an MP3 of one channel.
TAG_AT = 21
_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_OF_LOW_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


@functools.cache
def mp3(mode: str = "VARIABLE", rate: int = RATE, channels: int = 1, seconds: float = 2.0, seed: int = 0) -> bytes:
    """A tone, near silence and noise, of which variable bit rates take very different shares."""
    sound = noise_burst(seconds, rate, seed)
    third = len(sound) // 3
    sound[:third] = 0.3 * np.sin(np.arange(third) * 0.05)
    sound[third : 2 * third] *= 0.001
    return encoded(np.stack([sound] * channels, 1), rate, "MP3", bitrate_mode=mode, compression_level=0.5)


def frames(data: bytes) -> list[bytes]:
    """The frames of an MP3 without tags, that of the count included."""
    found, at = [], 0
    while at < len(data):
        header = data[at : at + 4]
        first = header[1] >> 3 & 3 == 3
        rate = (44_100, 48_000, 32_000)[header[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[header[1] >> 3 & 3]
        kilobits = (_KILOBITS if first else _KILOBITS_OF_LOW_RATES)[header[2] >> 4]
        length = (144_000 if first else 72_000) * kilobits // rate + (header[2] >> 1 & 1)
        found.append(data[at : at + length])
        at += length
    return found


def without_count(data: bytes) -> bytes:
    """The same MP3 without the frame that counts the others."""
    return b"".join(frames(data)[1:])


def with_count(data: bytes, count: int) -> bytes:
    """The same MP3 of one channel, whose tag counts another number of frames."""
    return data[: TAG_AT + 8] + count.to_bytes(4, "big") + data[TAG_AT + 12 :]
