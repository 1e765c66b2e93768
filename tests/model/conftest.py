"""Generated sound for the tests of the model: plane waves as ambisonics, and small releases of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from numpy.typing import NDArray

RATE = 16000
#: The columns that are null in a row of several or moving sounds.
ONE_PLACE = ("azimuth_deg", "elevation_deg", "distance_m", "drr_db", "direction", "elevation", "distance")
FoaMaker = Callable[..., NDArray[np.float64]]
ReleaseMaker = Callable[..., Path]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def encode(signal: NDArray[np.float64], azimuth_deg: float, elevation_deg: float) -> NDArray[np.float64]:
    """Encodes a signal as a plane wave in AmbiX: W, Y, Z, X in SN3D; azimuth is counter-clockwise, +90° is left."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    gains = [
        1.0,
        math.sin(azimuth) * math.cos(elevation),
        math.sin(elevation),
        math.cos(azimuth) * math.cos(elevation),
    ]
    return np.outer(gains, signal)


def plane_wave(
    azimuth_deg: float = 30.0,
    elevation_deg: float = 10.0,
    *,
    seconds: float = 1.0,
    noise: float = 0.0,
    seed: int = 0,
    rate: int = RATE,
) -> NDArray[np.float64]:
    """Bursts of noise from one direction, with independent noise in the channels: (4, samples)."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    samples = round(seconds * rate)
    bursts = 0.3 + 0.7 * (np.sin(2 * np.pi * 3 * np.arange(samples) / rate) > 0)
    foa = encode(0.1 * bursts * generator.standard_normal(samples), azimuth_deg, elevation_deg)
    return foa + 0.1 * noise * generator.standard_normal(foa.shape)


def _direction_word(azimuth_deg: float) -> str | None:
    for word, centre in (("front", 0.0), ("left", 90.0), ("back", 180.0), ("right", -90.0)):
        if abs((azimuth_deg - centre + 180) % 360 - 180) <= 35:
            return word
    return None


def write_release(
    folder: Path,
    *,
    rows: dict[str, int] | None = None,
    rate: int = RATE,
    seconds: float = 1.2,
    without: str | None = None,
    **replaced: Any,
) -> Path:
    """Writes a release of plane waves in two shards a split. ``without`` omits a column, ``replaced`` sets columns."""
    for split, count in (rows or {"train": 16, "validation": 8, "test": 8}).items():
        shards: list[list[dict[str, Any]]] = [[], []]
        for i in range(count):
            generator = np.random.Generator(np.random.Philox(key=[i, len(split)]))
            azimuth = float((0.0, 90.0, 180.0, -90.0)[i % 4] + 20 * generator.random() - 10)
            azimuth = azimuth - 360 if azimuth > 180 else azimuth
            up = bool(generator.integers(2))
            far = bool(generator.integers(2))
            word = _direction_word(azimuth)
            shard = shards[i % 2]
            name = f"{len(shard):04d}.flac"
            original = f"Sound number {i % 5} hums"
            row: dict[str, Any] = {
                "file_name": name,
                "id": f"{split}-{i:04d}-0",
                "split": split,
                "source_id": f"clip-{i // 2}",
                "augmentation": i % 2,
                "captions": [f"{original} from the {word}.", f"From the {word}: {original.lower()}."],
                "captions_original": [original, original],
                "duration_s": seconds,
                "sample_rate": rate,
                "azimuth_deg": azimuth,
                "elevation_deg": 45.0 if up else -45.0,
                "distance_m": 3.0 if far else 0.8,
                "direction": word,
                "elevation": "up" if up else "down",
                "distance": "far" if far else "near",
                "room_size": "small" if i % 3 else None,
                "reverberation": None,
                "floor_area_m2": 40.0,
                "t30_ms": 500.0,
                "drr_db": 3.0,
                **replaced,
            }
            if without is not None:
                del row[without]
            path = folder / split / f"{i % 2:05d}-of-00002"
            path.mkdir(parents=True, exist_ok=True)
            foa = plane_wave(azimuth, row.get("elevation_deg") or 0.0, seconds=seconds, noise=0.1, seed=i, rate=rate)
            soundfile.write(path / name, np.clip(foa.T * (0.5 if far else 1.0), -1, 1), rate, subtype="PCM_16")
            shard.append(row)
        for i, shard in enumerate(shards):
            if shard:
                table = pa.Table.from_pylist(shard)
                pq.write_table(table, folder / split / f"{i:05d}-of-00002" / "metadata.parquet")
    return folder


def make_scenes(release: Path, every: int = 2) -> Path:
    """Turns every second row, or so, into one of two sounds, and the first of them into one sound that moves."""
    number = 0
    for path in sorted(release.glob("*/*/metadata.parquet")):
        rows = pq.read_table(path).to_pylist()
        for index, row in enumerate(rows):
            row["n_sources"] = 1
            if index % every == 0:
                row |= {"n_sources": 2 if number else 1, **dict.fromkeys(ONE_PLACE)}
                number += 1
        schema = pq.read_schema(path).append(pa.field("n_sources", pa.int32()))
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return release


@pytest.fixture(scope="session")
def make_plane_wave() -> FoaMaker:
    return plane_wave


@pytest.fixture(scope="session")
def make_release() -> ReleaseMaker:
    return write_release


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release") / "tiny")


@pytest.fixture(scope="session")
def trained_run(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model trained for two epochs."""
    from model.configuration import read_configuration
    from model.training import train

    configuration = read_configuration("elsa-tiny", ["training.epochs=2", "training.device=cpu"])
    return train(configuration, [release], tmp_path_factory.mktemp("training") / "run").run
