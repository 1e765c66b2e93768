"""Which rows a report shows first: different clips, directions and rooms, and captions that say much about space."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.report.columns import codes_of
from pipeline.report.scenes.sounds import counted
from pipeline.report.scenes.source_table import OF_SOUND, SOUNDS, has_word
from pipeline.report.summary import Summary
from transforms.words import VOCABULARY

# The columns over which the choice is spread. The weight is what a value is worth that no chosen row has yet; what is
# easy to hear weighs most.
_SPREAD = {
    SOUNDS: 3.0,
    "split": 1.0,
    "direction": 3.0,
    "distance": 1.5,
    "reverberation": 1.5,
    "elevation": 1.0,
    "room_size": 0.5,
    "room_id": 0.5,
    "status": 0.5,
    "source_id": 2.0,
}
# A row without a word of an attribute is worth this much of one with a word.
_WITHOUT_WORD = 0.4
# What each word of space adds to a row, and what captions add that a language model wrote.
_WORD, _REWRITTEN = 0.4, 1.0
# What a scene adds, and what it adds that a sound of it moves.
_SCENE, _MOVING = 1.5, 0.5
# Columns with a value of their own for nearly every row; they do not make a kind of row.
_MANY_VALUES = ("source_id", "room_id")


@dataclass(frozen=True)
class _Column:
    """A column over which the choice is spread."""

    codes: NDArray[np.intp]
    """One integer per row, equal for equal values."""
    valid: NDArray[np.bool_]
    """False for the rows without a value."""


def hash_of(text: str) -> str:
    """The first 16 hexadecimal digits of the text's SHA-256; safe in a file name and in HTML."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def choose_rows(summary: Summary, count: int) -> list[int]:
    """Indices of at most `count` rows, the best first; the same rows give the same choice.

    Each step takes the row whose values are the least shown so far. Ties go by the hash of the row's id, so neither
    chance nor the order of the files decides.
    """
    columns = _spread_columns(summary)
    merit = _merit(summary)
    keys = [hash_of(row_id) for row_id in summary.rows.column("id").to_pylist()]
    candidates = _some_of_each_kind(np.argsort(np.array(keys), kind="stable"), columns, count)
    shown: Counter[tuple[str, int]] = Counter()
    chosen: list[int] = []
    while candidates and len(chosen) < count:
        best = max(candidates, key=lambda index: merit[index] + _worth(index, columns, shown))
        candidates.remove(best)
        chosen.append(best)
        shown.update((name, int(column.codes[best])) for name, column in columns.items())
    return chosen


def _spread_columns(summary: Summary) -> dict[str, _Column]:
    rows = summary.rows
    columns = {
        name: _Column(codes_of(rows.column(name)), _has_value(summary, name)) for name in _SPREAD if name != "status"
    }
    by_template = _has_status(rows, "template").astype(np.intp)
    return {**columns, "status": _Column(by_template, np.ones(len(by_template), dtype=bool))}


def _has_value(summary: Summary, name: str) -> NDArray[np.bool_]:
    """Whether each row has a value of a column; a word of any of its sounds is one of its words."""
    if name in VOCABULARY and name in OF_SOUND:
        return has_word(summary.sounds, name, summary.rows.num_rows)
    return np.asarray(summary.rows.column(name).is_valid().to_numpy(), dtype=bool)


def _merit(summary: Summary) -> NDArray[np.float64]:
    """What each row is worth by itself."""
    rows = summary.rows
    words = sum(_has_value(summary, attribute).astype(float) for attribute in VOCABULARY)
    is_scene = np.asarray(pc.not_equal(rows.column(SOUNDS), counted(1, 0)).to_numpy(), dtype=bool)
    moves = np.asarray(pc.match_substring(rows.column(SOUNDS), "moving").to_numpy(), dtype=bool)
    rewritten = _has_status(rows, "rewritten")
    return np.asarray(_WORD * words + _REWRITTEN * rewritten + _SCENE * is_scene + _MOVING * moves)


def _has_status(rows: pa.Table, status: str) -> NDArray[np.bool_]:
    joined = pc.binary_join(rows.column("caption_status"), " ")
    return np.asarray(pc.match_substring(joined, status).fill_null(False).to_numpy(), dtype=bool)


def _some_of_each_kind(order: NDArray[np.intp], columns: Mapping[str, _Column], count: int) -> list[int]:
    """The first few rows of each combination of words, which are no more in a large release than in a small one."""
    kind = np.zeros(len(order), dtype=np.intp)
    for name, column in columns.items():
        if name not in _MANY_VALUES:
            _, kind = np.unique(kind * (column.codes.max(initial=0) + 1) + column.codes, return_inverse=True)
    in_order = kind[order]
    by_kind = np.argsort(in_order, kind="stable")
    starts = np.flatnonzero(np.diff(in_order[by_kind], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    rank = np.empty(len(order), dtype=np.intp)
    rank[by_kind] = np.arange(len(order)) - np.repeat(starts, sizes)
    return [int(index) for index in order[rank < max(2, count // 4)]]


def _worth(index: int, columns: Mapping[str, _Column], shown: Mapping[tuple[str, int], int]) -> float:
    return sum(
        weight
        * (1.0 if columns[name].valid[index] else _WITHOUT_WORD)
        / (1 + shown.get((name, int(columns[name].codes[index])), 0))
        for name, weight in _SPREAD.items()
    )
