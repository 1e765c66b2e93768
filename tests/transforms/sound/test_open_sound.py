"""A damaged header sends libsndfile before the beginning of a file, and nothing is printed."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from transforms.sound.open_sound import open_sound


def _sound(kind: str) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, np.zeros((480, 4)), 48_000, format=kind)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["AIFF", "WAV", "FLAC", "OGG"])
def test_a_damaged_header_prints_no_traceback(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = _sound(kind)
    draw = random.Random(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 20))):
            damaged[draw.randrange(min(len(damaged), 120))] = draw.randrange(256)
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            with (tmp_path / "damaged").open("rb") as file, open_sound(file) as sound:
                sound.read(1000)
        except (RuntimeError, ValueError, TypeError):
            continue
    assert capfd.readouterr().err == ""


def test_a_file_that_was_read_is_opened_from_its_beginning_and_stays_open(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(_sound("FLAC"))
    with (tmp_path / "a.flac").open("rb") as file:
        whole = file.read()
        with open_sound(file) as sound:
            assert sound.read().shape == (480, 4)
        file.seek(0)
        assert file.read() == whole
