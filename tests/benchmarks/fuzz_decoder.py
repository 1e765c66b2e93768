"""Decodes thousands of broken files in isolation: ``python -m tests.benchmarks.fuzz_decoder --files 5000``."""

from __future__ import annotations

import argparse
import collections
import io
import time
from dataclasses import dataclass, field

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.sounds import noise_burst
from transforms.sound.isolated_decoder import IsolatedDecoder
from transforms.sound.mix_down import HIGHEST_RATE, LOUDEST, LOWEST_RATE
from transforms.sound.refusal import ClipRefused

FORMATS = (
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"),
    ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("W64", "DOUBLE"), ("AIFF", "PCM_S8"), ("AU", "ULAW"),
    ("CAF", "ALAC_16"), ("CAF", "PCM_32"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"),
    ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("NIST", "PCM_16"), ("VOC", "PCM_16"), ("PAF", "PCM_16"),
    ("SVX", "PCM_16"), ("IRCAM", "PCM_16"), ("SDS", "PCM_16"), ("AVR", "PCM_16"), ("MAT4", "DOUBLE"),
    ("MAT5", "DOUBLE"), ("HTK", "PCM_16"), ("XI", "DPCM_16"), ("PVF", "PCM_16"),
)  # fmt: skip
#: Numbers that are written into headers, in 1, 2, 4 or 8 bytes.
EXTREMES = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    2**63 - 1,
    2**64 - 1,
)
HEADER_BYTES = 128
MAX_DURATION_S = 5.0


@dataclass
class Fuzzed:
    """How many files were decoded, how many were refused by reason, and the longest time that one took."""

    decoded: int = 0
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest_s: float = 0.0


def valid_files() -> list[tuple[bytes, str]]:
    """A short file of each of FORMATS, with its ending."""
    files = []
    for kind, subtype in FORMATS:
        target = io.BytesIO()
        soundfile.write(target, noise_burst(0.1, 8_000), 8_000, format=kind, subtype=subtype)
        files.append((target.getvalue(), f".{kind.lower()}"))
    return files


def mutate(files: list[tuple[bytes, str]], draw: np.random.Generator) -> tuple[bytes, str]:
    """One of the files, some of whose bytes, mostly of the header, are changed, removed or taken from another file."""
    original, ending = files[draw.integers(len(files))]
    data = bytearray(original)
    for _ in range(int(draw.integers(1, 5))):
        offset = int(draw.integers(min(len(data), HEADER_BYTES) if draw.random() < 0.7 else len(data))) if data else 0
        match int(draw.integers(6)):
            case 0:
                data[offset : offset + 1] = draw.bytes(1)
            case 1:
                data[offset : offset + 8] = draw.bytes(8)
            case 2 | 3:
                width = int(draw.choice([1, 2, 4, 8]))
                number = EXTREMES[draw.integers(len(EXTREMES))] & (256**width - 1)
                data[offset : offset + width] = number.to_bytes(width, "little" if draw.random() < 0.5 else "big")
            case 4:
                del data[offset : offset + int(draw.integers(1, 64))]
            case 5:
                other, _ = files[draw.integers(len(files))]
                start = int(draw.integers(len(other)))
                data[offset:offset] = other[start : start + int(draw.integers(1, 256))]
    if draw.random() < 0.2:
        del data[int(draw.integers(len(data) + 1)) :]
    return bytes(data), ending if draw.random() < 0.8 else ".mp3"


def fuzz(count: int, seed: int, decoder: IsolatedDecoder) -> Fuzzed:
    """Decodes `count` mutated files.

    Raises:
        AssertionError: when the result is neither sound nor a refusal.
    """
    files, fuzzed = valid_files(), Fuzzed()
    for number in range(count):
        data, ending = mutate(files, np.random.Generator(np.random.Philox(key=[seed, number])))
        started = time.monotonic()
        outcome = _decode(decoder, data, ending)
        if isinstance(outcome, ClipRefused):
            fuzzed.refused[outcome.reason] += 1
            assert len(str(outcome).splitlines()) == 1, (number, str(outcome))
        else:
            samples, rate = outcome
            fuzzed.decoded += 1
            assert samples.ndim == 1, number
            assert samples.dtype == np.float32, number
            assert LOWEST_RATE <= rate <= HIGHEST_RATE, (number, rate)
            assert 0 < len(samples) <= MAX_DURATION_S * rate, number
            assert np.abs(samples).max() <= LOUDEST, number
        fuzzed.slowest_s = max(fuzzed.slowest_s, time.monotonic() - started)
    return fuzzed


def _decode(decoder: IsolatedDecoder, data: bytes, ending: str) -> tuple[NDArray[np.float32], int] | ClipRefused:
    try:
        return decoder.decode_bytes(data, f"clip{ending}", max_duration_s=MAX_DURATION_S)
    except ClipRefused as refusal:
        return refusal


def main() -> None:
    """Prints the counts and the longest time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    fuzzed = fuzz(arguments.files, arguments.seed, IsolatedDecoder())
    print(f"{arguments.files} broken files: {fuzzed.decoded} decoded, {dict(fuzzed.refused.most_common())} refused")
    print(f"slowest {fuzzed.slowest_s:.2f} s")


if __name__ == "__main__":
    main()
