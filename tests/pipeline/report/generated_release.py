"""A small release like the real ones, of generated sound, with captions that try to break the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from pipeline.report.binaural import SAMPLE_RATE_HZ
from tests.directions import vector_to_direction
from transforms.captions.variety import CaptionSample, caption_variety
from transforms.records import SPLITS
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.shards.release_rows import ANSWER_SCHEMA, REJECTION_SCHEMA, ROOM_SCHEMA, ROW_SCHEMA
from transforms.words import VOCABULARY, words_of

HOSTILE = (
    "<script>document.title='stolen'</script>",
    "\"quoted\" & 'single' </style></script><img src=x onerror=alert(1)>",
    "🐕 barks — ἦχος",
    "صوت كلب ينبح بعيدا",
    "{{ 7 * 7 }} {% raw %}",
    "x" * 300,
    "line\u2028and\u2029paragraph \\ 'and' \\u0041",
)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _clip(index: int, seconds: float = 4.0) -> np.ndarray:
    """A mono clip at 48 kHz: short bursts of noise."""
    generator = np.random.default_rng(index)
    time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(0.3 * generator.standard_normal(time_s.size) * np.exp(-12 * (time_s % 0.5)))


def encode(mono: np.ndarray, azimuth_deg: float, elevation_deg: float) -> np.ndarray:
    """AmbiX (samples, 4) of a plane wave."""
    x, y, z = direction_to_unit_vector(azimuth_deg, elevation_deg)
    return mono[:, None] * np.array([1.0, y, z, x])


def _room(index: int, split: str, generator: np.random.Generator) -> dict[str, Any]:
    length, width = (float(value) for value in generator.uniform(3.0, 16.0, 2).round(3))
    height, asked = round(float(generator.uniform(2.4, 4.5)), 3), float(generator.uniform(120, 1500))
    return {
        "room_id": f"{split}-{index:03d}",
        "split": split,
        "length_m": length,
        "width_m": width,
        "height_m": height,
        "floor_area_m2": length * width,
        "volume_m3": length * width * height,
        "materials": ["carpet", "plaster", "brick"],
        "absorption_scale": 1.0,
        **{f"absorption_{surface}": [0.2] * 8 for surface in ("floor", "ceiling", "walls")},
        "t30_asked_ms": asked,
        "t30_asked_bands_ms": [asked] * 8,
        "t30_ms": asked * float(generator.uniform(0.97, 1.03)),
        "t30_bands_ms": [asked] * 8,
    }


def _row(index: int, split: str, room: Mapping[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    clip = index % 10
    size = np.array([room["length_m"], room["width_m"], room["height_m"]])
    receiver, source = (0.4 + generator.uniform(size=3) * (size - 0.8) for _ in range(2))
    azimuth, elevation, distance = (float(value) for value in vector_to_direction(source - receiver))
    words = words_of(
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        distance_m=distance,
        floor_area_m2=room["floor_area_m2"],
        t30_ms=room["t30_ms"],
    )
    said = list(words.present().values())
    original = HOSTILE[clip] if clip < len(HOSTILE) else "A dog barks while birds sing"
    kept = bool(said) and index % 4 != 3
    return {
        "file_name": f"{index:06d}.flac",
        "id": f"{split}-{clip}-{index}",
        "split": split,
        "dataset": "generated",
        "source_id": f"clip {clip} <i>&",
        "augmentation": index // 10,
        "captions": [f"{original}, {' '.join(said) or 'somewhere'}.", f"Second of {original}"],
        "captions_original": [original, f"second <b>{original}"],
        "caption_status": ["rewritten" if kept else "template", "template"],
        "caption_model": "generated-model",
        "caption_prompt": "paper@0123",
        "duration_s": 4.0,
        "sample_rate": SAMPLE_RATE_HZ,
        "gain_db": -6.0,
        "azimuth_deg": azimuth,
        "elevation_deg": elevation,
        "distance_m": distance,
        **{attribute: getattr(words, attribute) for attribute in VOCABULARY},
        "room_id": room["room_id"],
        "room_length_m": room["length_m"],
        "room_width_m": room["width_m"],
        "room_height_m": room["height_m"],
        "floor_area_m2": room["floor_area_m2"],
        "volume_m3": room["volume_m3"],
        **{f"receiver_{axis}_m": float(value) for axis, value in zip("xyz", receiver, strict=True)},
        **{f"source_{axis}_m": float(value) for axis, value in zip("xyz", source, strict=True)},
        "t30_ms": room["t30_ms"],
        "t30_bands_ms": room["t30_bands_ms"],
        "edt_ms": room["t30_ms"],
        "c50_db": 5.0,
        "drr_db": float(10 - 8 * np.log10(1 + distance)),
        "seed": 2**63 + index,
        "license": "CC-BY-4.0",
        "attribution": "<u>Someone</u>",
        "source_url": ('https://example.org/a?b=1&c="2"', "javascript:alert(1)", None)[clip % 3],
        "source_sha256": _sha256(f"clip {clip}"),
        "sha256": _sha256(f"flac {index}"),
        "pcm_sha256": _sha256(f"pcm {index}"),
    }


def _answers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    outcomes = ((0, False, "missing_direction"), (1, True, None), (1, False, "content_lost"), (0, False, "<b>odd"))
    return [
        {
            "request_sha256": _sha256(f"request {index}"),
            "row_id": row["id"],
            "caption_index": 0,
            "attempt": outcomes[index % 4][0],
            "text": HOSTILE[index % len(HOSTILE)],
            "kept": outcomes[index % 4][1],
            "reason": outcomes[index % 4][2],
            "model": "generated-model",
            "prompt": "paper@0123",
            "prompt_tokens": 10,
            "completion_tokens": None,
            "asked": "writer",
        }
        for index, row in enumerate(rows)
    ]


def _verdicts(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a judge says of every second answer: some it keeps, some not, and one reply tries to break the page."""
    outcomes = ((True, None, '{"direction": null}'), (False, "judge_direction", HOSTILE[0]))
    return [
        {
            **answer,
            "request_sha256": _sha256(f"verdict {index}"),
            "model": "generated-judge",
            "asked": "judge",
            **dict(zip(("kept", "reason", "text"), outcomes[index % 2], strict=True)),
        }
        for index, answer in enumerate(answers[::2])
    ]


def _rejections() -> list[dict[str, Any]]:
    cases: list[tuple[str | None, ...]] = [(f"broken-{index}.wav", "train", "read", "unreadable") for index in range(5)]
    cases += [("silent <x>.wav", "test", "prepare", "silent"), ("../out.wav", None, "list", "outside")]
    names = ("file", "split", "stage", "reason")
    return [{**dict(zip(names, case, strict=True)), "source_id": None, "detail": "a detail & more"} for case in cases]


def make_release(folder: Path, rows: int = 24, *, audio: bool = True) -> Path:
    """A release of `rows` rows with hostile captions, all tables and two shards of train; the same every time."""
    generator = np.random.default_rng(7)
    shard_names = {
        "train": ("00000-of-00002", "00001-of-00002"),
        "validation": ("00000-of-00001",),
        "test": ("00000-of-00001",),
    }
    rooms = {split: [_room(index, split, generator) for index in range(4)] for split in SPLITS}
    everything: list[dict[str, Any]] = []
    for index in range(rows):
        split = ("train", "train", "validation", "test")[index % 4]
        everything.append(_row(index, split, rooms[split][int(generator.integers(4))], generator))
    for split, names in shard_names.items():
        of_split = [row for row in everything if row["split"] == split]
        for position, name in enumerate(names):
            shard = folder / split / name
            shard.mkdir(parents=True)
            here = of_split[position :: len(names)]
            for row in here if audio else ():
                foa = encode(_clip(int(row["id"].split("-")[1])), row["azimuth_deg"], row["elevation_deg"])
                soundfile.write(shard / row["file_name"], 0.5 * foa, SAMPLE_RATE_HZ, subtype="PCM_16")
            pq.write_table(pa.Table.from_pylist(here, schema=ROW_SCHEMA), shard / "metadata.parquet")
    flat = [room for split in SPLITS for room in rooms[split]]
    for values, schema, name in (
        (flat, ROOM_SCHEMA, "rooms"),
        ([*_answers(everything), *_verdicts(_answers(everything))], ANSWER_SCHEMA, "answers"),
        (_rejections(), REJECTION_SCHEMA, "rejected"),
    ):
        pq.write_table(pa.Table.from_pylist(values, schema=schema), folder / f"{name}.parquet")
    facts = {
        "name": "generated <release>",
        "digest": _sha256("release"),
        "seed": 7,
        "counts": {"rows": rows},
        "caption_variety": stated_variety(),
    }
    (folder / "release.json").write_text(json.dumps(facts))
    return folder


def stated_variety() -> dict[str, Any]:
    """The variety of two captions, one by each writer."""
    samples = {"rewritten": CaptionSample(), "template": CaptionSample()}
    samples["rewritten"].add("train/clip#0", 0, "Far off, a dog barks.", "A dog barks")
    samples["template"].add("train/clip#1", 0, "You hear rain on the left.", "Rain falls")
    return caption_variety(samples)


def original_of(row: Mapping[str, Any]) -> tuple[np.ndarray, int]:
    """The clip of a row in stereo, as an input folder would give it."""
    return np.repeat(_clip(int(row["id"].split("-")[1]))[:, None], 2, axis=1), SAMPLE_RATE_HZ


def all_rows(release: Path) -> list[dict[str, Any]]:
    """Every row of a release, read without the code under test."""
    return [row for path in sorted(release.glob("*/*/metadata.parquet")) for row in pq.read_table(path).to_pylist()]
