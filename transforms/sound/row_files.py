"""The FLAC files of a row: its own, and one for each ambisonic degree above the first, all with one gain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transforms.records import Audio, DegreeFile
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.degree_files import FIRST_CHANNELS, channels_of_degree, degree_name, degree_of_channels
from transforms.sound.render import Level, choose_gain, encode_flac, pcm_sha256, quantise


@dataclass(frozen=True)
class RowFiles:
    """The files of a row, and what the row says of them."""

    audio: Audio
    pcm: NDArray[np.signedinteger]
    """The integers (samples, channels) of the row's own file."""
    flacs: dict[str, bytes]
    """The bytes of each file by its name in the shard; the row's own is the first."""


def choose_row_gain(samples: NDArray[np.float32], level: Level, bit_depth: int) -> tuple[float, bool]:
    """Chooses the gain of all files of a row, as `choose_gain` does for its own file.

    The first four channels decide, so that they are those of the first order. Only where a higher channel would clip
    with their gain, all are turned down.

    Raises:
        ValueError: a sample is not finite, or the bit depth is not supported.
    """
    gain_db, turned_down = choose_gain(samples[:FIRST_CHANNELS], level, bit_depth)
    if len(samples) <= FIRST_CHANNELS:
        return gain_db, turned_down
    as_first = replace(level, mode="fixed", gain_db=gain_db)
    fitting_db, too_loud = choose_gain(samples[FIRST_CHANNELS:], as_first, bit_depth)
    return fitting_db, turned_down or too_loud


def encode_row(
    samples: NDArray[np.float32],
    file_name: str,
    *,
    gain_db: float,
    turned_down: bool,
    bit_depth: int,
    channels: str,
    source_sha256: str,
) -> RowFiles:
    """Encodes the files of a row.

    Args:
        samples: all channels, (channels, samples).
        file_name: the name of the row's own file.
        gain_db: the gain by `choose_row_gain`.
        turned_down: whether it is lower than the recipe's.
        bit_depth: 16 or 24.
        channels: what the channels of its own file are: WYZX or LR.
        source_sha256: the SHA-256 of the clip's file.
    """
    pcm = quantise(samples[:FIRST_CHANNELS], gain_db, bit_depth)
    flacs = {file_name: encode_flac(pcm, SAMPLE_RATE, bit_depth)}
    degrees = []
    for degree in range(2, degree_of_channels(len(samples)) + 1):
        of_degree = quantise(samples[channels_of_degree(degree)], gain_db, bit_depth)
        flac = encode_flac(of_degree, SAMPLE_RATE, bit_depth)
        name = degree_name(file_name, degree)
        flacs[name] = flac
        degrees.append(DegreeFile(name, hashlib.sha256(flac).hexdigest(), pcm_sha256(of_degree, bit_depth)))
    audio = Audio(
        file_name=file_name,
        duration_s=len(pcm) / SAMPLE_RATE,
        sample_rate=SAMPLE_RATE,
        gain_db=gain_db,
        turned_down=turned_down,
        source_sha256=source_sha256,
        sha256=hashlib.sha256(flacs[file_name]).hexdigest(),
        pcm_sha256=pcm_sha256(pcm, bit_depth),
        channels=channels,
        degrees=tuple(degrees),
    )
    return RowFiles(audio, pcm, flacs)
