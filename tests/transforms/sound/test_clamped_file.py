"""A damaged header sends libsndfile before the beginning of a file, and nothing is printed."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import soundfile

from transforms.sound.clamped_file import ClampedFile


@pytest.mark.parametrize("kind", ["AIFF", "WAV", "FLAC", "OGG"])
def test_a_damaged_header_prints_no_traceback(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = io.BytesIO()
    soundfile.write(data, np.zeros((480, 4)), 48_000, format=kind)
    draw = random.Random(0)
    for _ in range(60):
        damaged = bytearray(data.getvalue())
        for _ in range(draw.choice((1, 20))):
            damaged[draw.randrange(min(len(damaged), 120))] = draw.randrange(256)
        try:
            with soundfile.SoundFile(ClampedFile(io.BytesIO(damaged))) as file:
                file.read(1000)
        except (RuntimeError, ValueError, TypeError):
            continue
    assert capfd.readouterr().err == ""


def test_a_position_stays_inside() -> None:
    file = ClampedFile(io.BytesIO(b"abcdef"))
    assert file.seek(-5) == 0
    assert file.seek(99) == 6
    assert file.seek(-2, 2) == 4
    assert file.seek(-99, 1) == 0
    assert file.read(2) == b"ab"
    assert file.tell() == 2
