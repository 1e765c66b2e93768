"""The rows that a report shows in full: which they are, and what a card says of each."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.report.summary import Summary, codes_of
from transforms.words import VOCABULARY

#: What the sample is spread over, with what a value not yet shown is worth: what can be heard comes first.
_SPREAD = {
    "split": 1.0,
    "direction": 3.0,
    "distance": 1.5,
    "reverberation": 1.5,
    "elevation": 1.0,
    "room_size": 0.5,
    "status": 0.5,
    "source_id": 2.0,
}
#: How a word of space may stand in a caption; only marks on the page depend on it.
FORMS = {
    "front": ("front", "ahead", "forward"),
    "left": ("left",),
    "right": ("right",),
    "back": ("back", "behind", "rear"),
    "up": ("high up", "up above", "up", "above", "overhead", "upper", "elevated"),
    "down": ("down below", "low down", "down", "below", "beneath", "lower"),
    "near": ("near", "nearby", "close by", "close"),
    "far": ("far away", "far off", "far", "faraway", "distant", "distance"),
    "small": ("small", "compact", "tiny"),
    "large": ("large", "big", "vast", "spacious"),
    "dampened": ("acoustically dampened", "dampened", "damped", "deadened", "muffled", "dry"),
    "reverberant": (
        "highly reverberant",
        "reverberant",
        "reverberating",
        "reverberates",
        "echoing",
        "echoey",
        "echoes",
    ),
}
_RINGS_M = (1.0, 2.0)
# The longer side of a room's drawing, and what an elevation takes beside the source, in units of the drawing.
_DRAWING, _LABEL = 200.0, 44.0


class RowUnknown(ValueError):
    """A row is asked for by an id that the release has not."""


@dataclass(frozen=True)
class CaptionPair:
    """A caption before and after; `after` is in pieces, each with whether it is a word of space."""

    before: str
    after: tuple[tuple[str, bool], ...]
    status: str


@dataclass(frozen=True)
class Drawing:
    """A room from above in units of the drawing: front (+x) is up on the page, so left (+y) is left."""

    width: float
    height: float
    units_per_m: float
    receiver: tuple[float, float]
    source: tuple[float, float]
    rings: tuple[tuple[float, float], ...]
    """Each ring as (metres, radius in units)."""
    label: tuple[float, float, str]
    """Where the source's elevation is written, and its SVG text-anchor: away from the receiver, within the drawing."""


@dataclass(frozen=True)
class Card:
    """A row as the page shows it; players are added by who renders audio."""

    row: Mapping[str, Any]
    index: int
    """The row's place in the release, in the order of the files."""
    key: str
    captions: tuple[CaptionPair, ...]
    words: tuple[str, ...]
    drawing: Drawing
    place: str
    source_link: str | None


def hash_of(text: str) -> str:
    """A stable key of a text (SHA-256, 16 hexadecimal digits); safe in a file name and in HTML."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def pick(summary: Summary, count: int) -> list[int]:
    """Indices of at most `count` rows, spread over splits, words, statuses and clips; the same for the same rows.

    Each step takes the row whose values have been shown least; rows are tried in the order of the hash of their id, so
    that neither the order of the files nor chance decides.
    """
    columns = _spread_columns(summary.rows)
    keys = [hash_of(row_id) for row_id in summary.rows.column("id").to_pylist()]
    candidates = _a_few_of_each_kind(np.argsort(np.array(keys), kind="stable"), columns, count)
    shown: Counter[tuple[str, int]] = Counter()
    chosen: list[int] = []
    while candidates and len(chosen) < count:
        best = max(candidates, key=lambda index: _worth(index, columns, shown))
        candidates.remove(best)
        chosen.append(best)
        shown.update((name, int(codes[best])) for name, (codes, _) in columns.items())
    return chosen


# A code a row, equal where the values are, and whether the row has a value at all.
_Codes = tuple[NDArray[np.intp], NDArray[np.bool_]]


def _spread_columns(rows: pa.Table) -> dict[str, _Codes]:
    present = {
        name: (codes_of(rows.column(name)), rows.column(name).is_valid().to_numpy())
        for name in _SPREAD
        if name != "status"
    }
    by_template = pc.match_substring(pc.binary_join(rows.column("caption_status"), " "), "template")
    statuses = by_template.fill_null(False).to_numpy(zero_copy_only=False).astype(np.intp)
    return {**present, "status": (statuses, np.ones(len(statuses), dtype=bool))}


def _a_few_of_each_kind(order: NDArray[np.intp], columns: Mapping[str, _Codes], count: int) -> list[int]:
    """The first rows of each combination of words: a release of 100,000 rows has no more kinds than one of 1,000."""
    kind = np.zeros(len(order), dtype=np.intp)
    for name, (codes, _) in columns.items():
        if name != "source_id":
            _, kind = np.unique(kind * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    in_order = kind[order]
    by_kind = np.argsort(in_order, kind="stable")
    starts = np.flatnonzero(np.diff(in_order[by_kind], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    place = np.empty(len(order), dtype=np.intp)
    place[by_kind] = np.arange(len(order)) - np.repeat(starts, sizes)
    return [int(index) for index in order[place < max(2, count // 4)]]


def _worth(index: int, columns: Mapping[str, _Codes], shown: Mapping[tuple[str, int], int]) -> float:
    return sum(
        # A gap between two words is worth seeing once, but less than a word is.
        weight * (1.0 if columns[name][1][index] else 0.4) / (1 + shown.get((name, int(columns[name][0][index])), 0))
        for name, weight in _SPREAD.items()
    )


def cards(summary: Summary, count: int, asked: Sequence[str] = ()) -> list[Card]:
    """The cards of the rows that are asked for by id, then of those that `pick` chooses, in its order.

    Each row is read whole from its own shard.

    Raises:
        RowUnknown: when the release has no row of an id that is asked for.
    """
    found = pc.index_in(pa.array(asked, pa.string()), value_set=summary.rows.column("id").combine_chunks())
    for row_id, index in zip(asked, found.to_pylist(), strict=True):
        if index is None:
            raise RowUnknown(f"the release has no row {row_id}")
    indices = dict.fromkeys([*found.to_pylist(), *pick(summary, count)])
    return [_card(_whole_row(summary, index), index) for index in indices]


def _whole_row(summary: Summary, index: int) -> dict[str, Any]:
    shard = int(summary.shard_of_row[index])
    path = summary.shards[shard]
    inside = index - int((summary.shard_of_row < shard).sum())
    table: pa.Table = pq.read_table(path).slice(inside, 1)
    row: dict[str, Any] = table.to_pylist()[0]
    return {**row, "shard": path.parent}


def _card(row: dict[str, Any], index: int) -> Card:
    words = tuple(row[attribute] for attribute in VOCABULARY if row[attribute])
    triples = zip(row["captions_original"], row["captions"], row["caption_status"], strict=False)
    return Card(
        row=row,
        index=index,
        key=hash_of(row["id"]),
        captions=tuple(CaptionPair(before, marked(after, words), status) for before, after, status in triples),
        words=words,
        drawing=draw_room(row),
        place=place_in_words(row),
        source_link=safe_link(row.get("source_url")),
    )


def marked(caption: str, words: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """A caption in pieces, each with whether it is one of the row's words of space, in any of its forms."""
    forms = sorted((form for word in words for form in FORMS.get(word, (word,))), key=len, reverse=True)
    if not forms:
        return ((caption, False),)
    pieces = re.split(rf"\b({'|'.join(map(re.escape, forms))})\b", caption, flags=re.IGNORECASE)
    return tuple((piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece)


def draw_room(row: Mapping[str, Any]) -> Drawing:
    """The plan of a row's room, its longer side 200 units: x of the room goes up the page, y to the left."""
    length, width = float(row["room_length_m"]), float(row["room_width_m"])
    scale = _DRAWING / max(length, width)

    def on_page(who: str) -> tuple[float, float]:
        return (
            round((width - row[f"{who}_y_m"]) * scale, 2),
            round((length - row[f"{who}_x_m"]) * scale, 2),
        )

    receiver, source = on_page("receiver"), on_page("source")
    away = 1 if source[0] >= receiver[0] else -1
    if not 0 <= source[0] + (_DRAWING - width * scale) / 2 + _LABEL * away <= _DRAWING:
        away = -away
    return Drawing(
        width=round(width * scale, 2),
        height=round(length * scale, 2),
        units_per_m=round(scale, 4),
        receiver=receiver,
        source=source,
        rings=tuple((metres, round(metres * scale, 2)) for metres in _RINGS_M),
        label=(round(source[0] + 9 * away, 2), round(source[1] + 4.5, 2), "start" if away > 0 else "end"),
    )


def place_in_words(row: Mapping[str, Any]) -> str:
    """Where the source is, for a reader who cannot see the drawing: degrees to a side, up or down, metres."""
    azimuth, elevation = row["azimuth_deg"], row["elevation_deg"]
    side = f"{abs(azimuth):.0f}° to the {'left' if azimuth > 0 else 'right'} of front"
    if abs(azimuth) < 0.5:
        side = "straight ahead"
    elif abs(azimuth) > 179.5:
        side = "straight behind"
    height = "level" if abs(elevation) < 0.5 else f"{abs(elevation):.0f}° {'up' if elevation > 0 else 'down'}"
    return f"{side}, {height}, {row['distance_m']:.2f} m away"


def safe_link(url: Any) -> str | None:
    """A link that may stand in the page: http and https alone, so that no caption list brings a script."""
    return url if isinstance(url, str) and re.match(r"https?://[^\s]+\Z", url, flags=re.IGNORECASE) else None


def number(value: Any, decimals: int = 0, sign: bool = False) -> str:
    """A measured value for a reader: a real minus, thousands apart, an en dash where there is none."""
    if value is None or not math.isfinite(float(value)):
        return "–"
    text = f"{float(value):{'+' if sign else ''},.{decimals}f}"
    # Nothing is "−0".
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", "−").replace(",", "\u202f")
