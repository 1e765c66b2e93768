"""The rows that a report shows in full, each as a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.choice import choose_rows, hash_of
from pipeline.report.marking import marked
from pipeline.report.room_drawing import RoomDrawing, draw_room
from pipeline.report.scenes.scene_drawing import SceneDrawing, draw_scene
from pipeline.report.scenes.sounds import MOST_SOUNDS, ShownSound, shown_sounds, sounds_in_words
from pipeline.report.scenes.time_line import TimeLine, time_line
from pipeline.report.summary import Summary, read_columns
from pipeline.report.wording import no_word_text, number, source_in_words
from transforms.escaping import web_link
from transforms.shards.release_rows import is_scene
from transforms.words import VOCABULARY


class RowUnknown(ValueError):
    """The release has no row with an id that was asked for."""


@dataclass(frozen=True)
class CaptionPair:
    """A caption before and after; `after` is in pieces, each with True when it says a word of space."""

    before: str
    after: tuple[tuple[str, bool], ...]
    status: str


@dataclass(frozen=True)
class Measure:
    """A measured value of a row and the word that it has, or what it lies between."""

    label: str
    value: str
    word: str | None
    otherwise: str


@dataclass(frozen=True)
class SceneOfCard:
    """The sounds of a row of several or moving sounds, drawn from above and along the time."""

    sounds: tuple[ShownSound, ...]
    left_out: int
    """The number of sounds that the card does not show."""
    in_words: str
    drawing: SceneDrawing | None
    times: TimeLine


@dataclass(frozen=True)
class Card:
    """A row as the page shows it, without its players."""

    row: Mapping[str, Any]
    index: int
    """The number of the row in the release, counted from 0 in the order of the files."""
    key: str
    captions: tuple[CaptionPair, ...]
    measures: tuple[Measure, ...]
    drawing: RoomDrawing | None
    source: str
    """Where the source is, in words."""
    source_link: str | None
    scene: SceneOfCard | None = None
    """None for a row of one still source."""


def cards(summary: Summary, count: int, row_ids: Sequence[str] = ()) -> list[Card]:
    """The cards of the rows with these ids, then those of `count` rows that `choose_rows` chooses.

    Raises:
        RowUnknown: when the release has no row with one of the ids.
    """
    found = pc.index_in(pa.array(row_ids, pa.string()), value_set=summary.rows.column("id").combine_chunks())
    for row_id, index in zip(row_ids, found.to_pylist(), strict=True):
        if index is None:
            raise RowUnknown(f"the release has no row {row_id}")
    indices = dict.fromkeys([*found.to_pylist(), *choose_rows(summary, count)])
    return [_card(_whole_row(summary, index), index) for index in indices]


def _whole_row(summary: Summary, index: int) -> dict[str, Any]:
    """All columns of a row, read from its shard, and `shard`, the name of the shard's folder."""
    shard = int(summary.shard_of_row[index])
    name = summary.shards[shard]
    inside = index - int((summary.shard_of_row < shard).sum())
    row: dict[str, Any] = read_columns(summary.release, name).slice(inside, 1).to_pylist()[0]
    return {**row, "shard": name.rpartition("/")[0]}


def _card(row: dict[str, Any], index: int) -> Card:
    scene = _scene(row) if is_scene(row) else None
    of_sounds = (word for sound in (scene.sounds if scene else ()) for word in sound.said)
    words = tuple(dict.fromkeys([*of_sounds, *(row[attribute] for attribute in VOCABULARY if row[attribute])]))
    triples = zip(row["captions_original"], row["captions"], row["caption_status"], strict=False)
    return Card(
        row=row,
        index=index,
        key=hash_of(row["id"]),
        captions=tuple(CaptionPair(before, marked(after, words), status) for before, after, status in triples),
        measures=measures(row) if scene is None else scene_measures(row),
        drawing=draw_room(row) if scene is None else None,
        source=source_in_words(row),
        source_link=web_link(row.get("source_url")),
        scene=scene,
    )


def _scene(row: Mapping[str, Any]) -> SceneOfCard:
    sounds = shown_sounds(row)
    return SceneOfCard(
        sounds=sounds,
        left_out=max(len(row["sources"]) - MOST_SOUNDS, 0),
        in_words=sounds_in_words(row),
        drawing=draw_scene(row, sounds),
        times=time_line(row["duration_s"], sounds),
    )


def scene_measures(row: Mapping[str, Any]) -> tuple[Measure, ...]:
    """The values of a scene as a whole: its sounds, its ambience, and those of the room."""
    snr_db = row.get("ambience_snr_db")
    ambience = "none" if snr_db is None else f"{number(snr_db, 0, True)} dB"
    return (
        Measure("Sounds", number(len(row["sources"])), None, sounds_in_words(row).partition(", ")[2] or "none moving"),
        Measure("Ambience", ambience, None, "" if snr_db is None else "the sounds over it"),
        *measures(row)[-2:],
    )


def measures(row: Mapping[str, Any]) -> tuple[Measure, ...]:
    """The measured values that decide the row's words, in the order of VOCABULARY."""
    t30_ms = row["t30_ms"]
    values = {
        "direction": ("Azimuth", row["azimuth_deg"], 0, "°"),
        "elevation": ("Elevation", row["elevation_deg"], 0, "°"),
        "distance": ("Distance", row["distance_m"], 2, " m"),
        "room_size": ("Floor", row["floor_area_m2"], 1, " m²"),
        "reverberation": ("T30", None if t30_ms is None else t30_ms / 1000, 2, " s"),
    }
    return tuple(
        Measure(label, "–", None, "not known")
        if value is None
        else Measure(
            label,
            f"{number(value, decimals, unit == '°')}{unit}",
            row[attribute],
            no_word_text(attribute, row["azimuth_deg"]),
        )
        for attribute, (label, value, decimals, unit) in values.items()
    )
