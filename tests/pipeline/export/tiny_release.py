"""A release of a few rows with the sounds of a test; tables, hashes and release.json are as a build writes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from transforms.shards.release_rows import ONE_PLACE_COLUMNS, ROW_SCHEMA, ROW_SCHEMAS, has_one_place
from transforms.shards.source_columns import NUMBER_FIELDS, SOURCE_TYPE
from transforms.shards.write_shard import METADATA, table_to_parquet
from transforms.sound.degree_files import channels_of_degree, degree_name, degree_of_channels
from transforms.sound.render import encode_flac, pcm_sha256
from transforms.sound.render_rows import flac_name

RATE = 48_000
#: A value of each type, for columns that a test does not look at.
_ANY = {pa.string(): "x", pa.float64(): 1.0, pa.int32(): 0, pa.uint64(): 1}


@dataclass(frozen=True)
class TinyRow:
    """A row: its clip, its sources and its samples (n, channels), integers of 16 bit; two channels are two ears."""

    source_id: str
    sources: Sequence[Mapping[str, Any]]
    samples: NDArray[np.int32]
    split: str = "train"

    @property
    def id(self) -> str:
        return f"{self.split}/{self.source_id}#0"


def source(label: str | None, onset_s: float, duration_s: float, **values: Any) -> dict[str, Any]:
    """A still source in front of the receiver, unless `values` say something else."""
    names = [field.name for field in SOURCE_TYPE]
    plain = {**dict.fromkeys(names, "x"), **dict.fromkeys(NUMBER_FIELDS, 0.0), "captions": ["x"]}
    plain |= dict.fromkeys(("direction", "elevation", "distance", "motion"))
    plain |= {"label": label, "onset_s": onset_s, "duration_s": duration_s, "distance_m": 1.0}
    return plain | {"moving": bool(values.get("path")), "path": [], "stem": []} | values


def noise(seconds: float, azimuth_deg: float = 0.0, elevation_deg: float = 0.0, peak: float = 0.5) -> NDArray[np.int32]:
    """Noise as a plane wave from one direction, ACN order and SN3D."""
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    wave = np.random.default_rng(7).uniform(-peak, peak, round(seconds * RATE))
    x, y, z = np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)
    return np.rint(32_767 * wave[:, None] * [1.0, y, z, x]).astype(np.int32)


def write_tiny_release(release: Path, rows: Sequence[TinyRow], *, older: bool = False) -> Path:
    """Writes the rows as one shard for each split; an `older` release has no columns of scenes."""
    shards = []
    for split in sorted({row.split for row in rows}):
        path = f"{split}/00000-of-00001"
        (release / path).mkdir(parents=True)
        values = [_values(row, release / path) for row in rows if row.split == split]
        data = table_to_parquet(values, ROW_SCHEMAS[-1] if older else ROW_SCHEMA)
        (release / path / METADATA).write_bytes(data)
        shards.append({"path": path, "rows": len(values), "metadata_sha256": hashlib.sha256(data).hexdigest()})
    (release / "release.json").write_text(json.dumps({"digest": "d", "shards": shards}))
    return release


def _values(row: TinyRow, folder: Path) -> dict[str, Any]:
    flac = encode_flac(row.samples[:, :4], RATE, 16)
    name = flac_name(row.id)
    (folder / name).write_bytes(flac)
    channels = row.samples.shape[1]
    degrees = {
        degree_name(name, degree): row.samples[:, channels_of_degree(degree)]
        for degree in range(2, degree_of_channels(channels) + 1)
    }
    flacs = {name: encode_flac(pcm, RATE, 16) for name, pcm in degrees.items()}
    for file_name, data in flacs.items():
        (folder / file_name).write_bytes(data)
    values: dict[str, Any] = {
        field.name: _ANY.get(field.type, [_ANY[field.type.value_type]] if pa.types.is_list(field.type) and not
                             pa.types.is_struct(field.type.value_type) else None)
        for field in ROW_SCHEMA
    }  # fmt: skip
    values |= {"file_name": name, "id": row.id, "split": row.split, "source_id": row.source_id, "sample_rate": RATE}
    values |= {"duration_s": len(row.samples) / RATE, "sha256": hashlib.sha256(flac).hexdigest()}
    values |= {"pcm_sha256": pcm_sha256(row.samples[:, :4], 16), "channels": "LR" if channels == 2 else "WYZX"}
    values |= {"degree_files": list(flacs), "response_id": None}
    values["degree_sha256"] = [hashlib.sha256(data).hexdigest() for data in flacs.values()]
    values["degree_pcm_sha256"] = [pcm_sha256(pcm, 16) for pcm in degrees.values()]
    values |= {"n_sources": len(row.sources), "sources": list(row.sources), "ambience_snr_db": None}
    if has_one_place(row.sources):
        return values | {name: row.sources[0][name] for name in ("azimuth_deg", "elevation_deg", "distance_m")}
    return values | dict.fromkeys(ONE_PLACE_COLUMNS)
