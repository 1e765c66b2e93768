"""Rows as a release has them, made by hand: one still sound, one that moves, three sounds, and a hostile row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from transforms.rooms.geometry import direction_to_unit_vector
from transforms.shards.release_rows import ONE_PLACE_COLUMNS, has_one_place, with_newer_columns
from transforms.words import words_of

RECEIVER_M = (3.0, 2.5, 1.5)
DURATION_S = 6.0


def plain_row(name: str = "dog", split: str = "train", azimuth_deg: float = 90.0, **values: Any) -> dict[str, Any]:
    """A row as releases had it before there were scenes: one still sound 1.5 m away, in a room of 6 by 5 by 3 m."""
    distance_m = 1.5
    words = words_of(
        azimuth_deg=azimuth_deg, elevation_deg=0.0, distance_m=distance_m, floor_area_m2=30.0, t30_ms=400.0
    )
    source_m = np.add(RECEIVER_M, distance_m * np.array(direction_to_unit_vector(azimuth_deg, 0.0)))
    return {
        "file_name": f"{name}.flac",
        "id": f"{split}/{name}#0",
        "split": split,
        "dataset": "generated",
        "source_id": f"{name}.wav",
        "augmentation": 0,
        "captions": [f"A {name} on the left."],
        "captions_original": [f"A {name}."],
        "caption_status": ["template"],
        "caption_model": "template",
        "caption_prompt": None,
        "duration_s": DURATION_S,
        "sample_rate": 48_000,
        "gain_db": -6.0,
        "azimuth_deg": azimuth_deg,
        "elevation_deg": 0.0,
        "distance_m": distance_m,
        **{name: getattr(words, name) for name in ("direction", "elevation", "distance", "room_size", "reverberation")},
        "room_id": f"{split}-0",
        "room_length_m": 6.0,
        "room_width_m": 5.0,
        "room_height_m": 3.0,
        "floor_area_m2": 30.0,
        "volume_m3": 90.0,
        **{f"receiver_{axis}_m": value for axis, value in zip("xyz", RECEIVER_M, strict=True)},
        **{f"source_{axis}_m": float(value) for axis, value in zip("xyz", source_m, strict=True)},
        "t30_ms": 400.0,
        "t30_bands_ms": [400.0] * 8,
        "edt_ms": 390.0,
        "c50_db": 5.0,
        "drr_db": 1.0,
        "seed": 7,
        "license": "CC0-1.0",
        "attribution": "Ann",
        "source_url": f"https://example.org/{name}",
        "source_sha256": hashlib.sha256(name.encode()).hexdigest(),
        "sha256": hashlib.sha256(f"{name}{split}".encode()).hexdigest(),
        "pcm_sha256": hashlib.sha256(f"pcm {name}{split}".encode()).hexdigest(),
        **values,
    }


def sound(
    name: str, azimuth_deg: float = 0.0, onset_s: float = 0.0, end_deg: float | None = None, **values: Any
) -> dict[str, Any]:
    """A sound of 3 s; one with `end_deg` goes around the receiver from its azimuth to that one."""
    (source,) = with_newer_columns(plain_row(name, azimuth_deg=azimuth_deg))["sources"]
    moves = end_deg is not None
    turn = np.linspace(azimuth_deg, azimuth_deg if end_deg is None else end_deg, 31)
    path = [
        {
            "time_s": onset_s + number / 10,
            "azimuth_deg": float(-((180.0 - degrees) % 360.0 - 180.0)),
            "elevation_deg": 0.0,
            "distance_m": 1.5,
        }
        for number, degrees in enumerate(turn)
    ]
    return {
        **source,
        "onset_s": onset_s,
        "duration_s": 3.0,
        "moving": moves,
        "speed_m_s": 0.8 if moves else 0.0,
        "motion": "left to front" if moves else None,
        "path": path if moves else [],
        **values,
    }


def scene_row(
    sounds: Sequence[dict[str, Any]], name: str = "scene", split: str = "train", **values: Any
) -> dict[str, Any]:
    """A row of these sounds; its columns of place are null unless it has one still sound."""
    row = plain_row(
        name, split, source_id=sounds[0]["source_id"] if sounds else name, n_sources=len(sounds), sources=list(sounds)
    )
    row |= {"captions_original": ["; ".join((each["captions"] or [""])[0] for each in sounds)], "ambience_snr_db": 25.0}
    places = {} if has_one_place(sounds) else dict.fromkeys(ONE_PLACE_COLUMNS)
    return {**row, **places, **values}


def moving_row(name: str = "walker", split: str = "train") -> dict[str, Any]:
    """One sound that goes from the left to the front."""
    return scene_row([sound("steps", 90.0, 1.0, 0.0)], name, split)


def row_of_three(name: str = "street", split: str = "train") -> dict[str, Any]:
    """Three sounds under two licences, of which the second moves, past the back, from the left to the right."""
    return scene_row(
        [
            sound("bell", 0.0),
            sound("car", 120.0, 1.5, 240.0, license="CC-BY-4.0", attribution="Bo", motion=None),
            sound("dog", -90.0, 3.0, stem=["stems/dog-wet.flac"]),
        ],
        name,
        split,
    )


def hostile_row(name: str = "hostile", split: str = "train") -> dict[str, Any]:
    """Thousands of sounds, some of which are gaps, with texts and numbers that try to break what reads them."""
    nan, much = float("nan"), 1e300
    broken = sound("gap", 0.0, 0.0, 90.0, captions=["<script>alert(1)</script>", None], label="<b>", motion="<i>up")
    broken |= {"onset_s": nan, "distance_m": much, "license": "<u>", "stem": ["../../../etc/passwd", None]}
    broken["path"] = [None, {"time_s": nan, "azimuth_deg": much, "elevation_deg": None, "distance_m": 1.0}] * 5_000
    long = sound("long", 0.0, -5.0, 90.0, duration_s=much)
    long["path"] = [*long["path"] * 500, {**long["path"][-1], "distance_m": much}]
    empty = dict.fromkeys(broken)
    return scene_row([broken, long, sound("dog"), empty, *[sound("dog")] * 5_000], name, split, duration_s=much)
