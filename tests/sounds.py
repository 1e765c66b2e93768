"""Generated sound, and folders of it in the layouts that people have."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 48_000


def noise_burst(seconds: float, rate: int = RATE, seed: int = 0) -> NDArray[np.float32]:
    """Noise with a decaying envelope, peak 0.5."""
    draw = np.random.Generator(np.random.Philox(key=seed))
    samples = draw.uniform(-1, 1, round(seconds * rate)) * np.exp(-np.linspace(0, 3, round(seconds * rate)))
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


def encoded(
    samples: NDArray[np.floating], rate: int = RATE, kind: str = "WAV", subtype: str | None = None, **options: object
) -> bytes:
    """Samples as the bytes of a file; `kind` is a format of libsndfile, `options` are soundfile's."""
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=kind, subtype=subtype, **options)
    return target.getvalue()


def write_folder(folder: Path, entries: Sequence[Mapping[str, str]], seconds: float = 0.6) -> Path:
    """An AudioFolder with a metadata.csv of these entries and a WAV for each file_name that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, entry in enumerate(entries):
        path = folder / entry["file_name"]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise_burst(seconds, seed=number), RATE)
    columns = list(dict.fromkeys(name for entry in entries for name in entry))
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(entries)
    return folder


def small_folder(folder: Path, clips: int = 6) -> Path:
    """An AudioFolder of `clips` bursts in all three splits."""
    splits = ("train", "train", "validation", "test")
    return write_folder(
        folder,
        [
            {
                "file_name": f"burst {number}.wav",
                "caption": f"A burst of noise, number {number}",
                "split": splits[number % 4],
            }
            for number in range(clips)
        ],
    )
