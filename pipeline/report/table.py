"""The data of the table of all rows, as scripts: a page that is opened from a disk may load scripts but may not fetch.

`rows.js` holds the columns to filter and sort by. `rows-00000.js` and so on hold the texts of some rows each. The page
loads them when it shows one of the rows, or when the reader searches for a text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.report.marking import marks
from pipeline.report.scenes.sounds import shown_sounds
from pipeline.report.scenes.source_table import SOUNDS
from pipeline.report.summary import Summary, read_columns
from transforms.escaping import web_link
from transforms.records import SPLITS
from transforms.shards.release_rows import is_scene
from transforms.storage import folder_files
from transforms.words import VOCABULARY

#: The folder of the scripts in a release.
DATA = "report/data"
#: Rows in one file of texts, so that a page of the table reads a third of a megabyte.
ROWS_A_FILE = 2000
# The columns to sort by, each with the decimals that the page keeps.
_NUMBERS = {"azimuth_deg": 1, "elevation_deg": 1, "distance_m": 2, "t30_ms": 0, "floor_area_m2": 1, "duration_s": 1}
_CLIP = ("source_id", "license", "attribution", "source_url")
_TEXTS = (
    *("id", "file_name", "augmentation", *_CLIP),
    *("captions_original", "captions", "caption_status", "drr_db", "sources"),
    *VOCABULARY,
)
# Points of a path in the drawing of an opened row.
_POINTS = 12


def write_table(summary: Summary, players: Mapping[int, tuple[str | None, str | None]]) -> list[str]:
    """Write the scripts into report/data of the release, and remove those of an earlier report.

    Args:
        summary: the release.
        players: the files in report/audio, as (original, binaural), by the index of the row that has them.
    """
    release = summary.release
    names = ["rows.js"]
    for number, batch in enumerate(_batches(summary, ROWS_A_FILE)):
        names.append(f"rows-{number:05d}.js")
        _write(release, names[-1], number, texts_of(batch))
    heard = np.ones(summary.rows.num_rows, dtype=np.uint8)
    heard[[row for row, (_, binaural) in players.items() if binaural]] = 0
    columns = columns_of(summary)
    columns["facets"].append({"name": "players", "values": ["binaural"], "codes": _base64(heard)})
    columns["players"] = {str(row): of for row, of in players.items()}
    _write(release, names[0], None, columns)
    found = (entry.name for entry in folder_files.entries_in(release, DATA))
    stale = [name for name in found if name.endswith(".js") and name not in names]
    folder_files.remove_files(release, [f"{DATA}/{name}" for name in stale])
    return names


def columns_of(summary: Summary) -> dict[str, Any]:
    """The columns to filter and sort by, as the page's script reads them.

    A column with few values is a list of the values and one byte a row. A column of numbers holds integers of 16 or 32
    bits, each the number times a power of ten; the smallest integer stands for a missing value.
    """
    rows = summary.rows
    shard_sizes = np.bincount(summary.shard_of_row, minlength=len(summary.shards))
    return {
        "count": rows.num_rows,
        "rowsAFile": ROWS_A_FILE,
        "facets": [
            _facet("split", rows.column("split"), SPLITS),
            *(_facet(attribute, rows.column(attribute), words) for attribute, words in VOCABULARY.items()),
            _facet("captions", _statuses(rows), ()),
            *([_facet(SOUNDS, rows.column(SOUNDS), ())] if summary.has_scenes else []),
        ],
        "numbers": {name: number_column(summary.numbers(name), decimals) for name, decimals in _NUMBERS.items()},
        "shards": [name.rpartition("/")[0] for name in summary.shards],
        "shardSizes": shard_sizes.tolist(),
    }


def texts_of(rows: pa.Table) -> dict[str, Any]:
    """The texts of some rows, one list for each column. A clip or an original that several rows share is held once."""
    columns = {name: rows.column(name).to_pylist() for name in _TEXTS}
    clips: dict[tuple[Any, ...], int] = {}
    originals: dict[str, int] = {}
    return {
        "id": columns["id"],
        "file": columns["file_name"],
        "version": columns["augmentation"],
        "clip": [
            clips.setdefault((source, licence, by, web_link(url)), len(clips))
            for source, licence, by, url in zip(*(columns[name] for name in _CLIP), strict=True)
        ],
        "before": [
            [originals.setdefault(text or "", len(originals)) for text in texts or ()]
            for texts in columns["captions_original"]
        ],
        "after": [[text or "" for text in texts or ()] for texts in columns["captions"]],
        "marks": [
            [_marks_of(text or "", [*words, *_words_of_sounds(sources)]) for text in texts or ()]
            for texts, sources, *words in zip(
                columns["captions"], columns["sources"], *(columns[name] for name in VOCABULARY), strict=True
            )
        ],
        "sounds": [_sounds_of(sources) for sources in columns["sources"]],
        "status": columns["caption_status"],
        "drr": [None if value is None or not np.isfinite(value) else round(value, 1) for value in columns["drr_db"]],
        # The comprehensions above have filled these.
        "clips": list(clips),
        "originals": list(originals),
    }


def _words_of_sounds(sources: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The words of the places of a scene's sounds, each once; a row of one still sound has them in its own columns."""
    sounds = shown_sounds({"sources": sources}) if is_scene({"sources": sources}) else ()
    return list(dict.fromkeys(word for sound in sounds for word in sound.said))


def _sounds_of(sources: Sequence[Mapping[str, Any]] | None) -> list[list[Any]] | None:
    """Each sound of a scene: caption, times with place and motion, points as [metres right, ahead], credit, link."""
    if not is_scene({"sources": sources}):
        return None
    return [
        [
            sound.captions[0][:300] if sound.captions else sound.label or "",
            " · ".join(filter(None, (sound.times, sound.place, sound.movement))),
            [[round(-left, 2), round(ahead, 2)] for ahead, left, _ in _some(sound.offsets_m)],
            sound.credit,
            sound.link,
        ]
        for sound in shown_sounds({"sources": sources})
    ]


def _some(points: Sequence[Any]) -> list[Any]:
    """At most _POINTS of the points, the first and the last among them."""
    if len(points) <= _POINTS:
        return list(points)
    return [points[round(at * (len(points) - 1) / (_POINTS - 1))] for at in range(_POINTS)]


def _marks_of(caption: str, words: Sequence[str | None]) -> list[int]:
    """Where the caption says the words: start, end, start, end, … in the units that a script counts in (UTF-16)."""
    spans = marks(caption, (word for word in words if word))
    return [len(caption[:at].encode("utf-16-le", "surrogatepass")) // 2 for span in spans for at in span]


def _batches(summary: Summary, size: int) -> Iterator[pa.Table]:
    """The rows in the order of the summary, `size` at a time; only one shard is in memory."""
    held: list[pa.Table] = []
    for name in summary.shards:
        table = read_columns(summary.release, name, _TEXTS)
        while sum(part.num_rows for part in held) + table.num_rows >= size:
            missing = size - sum(part.num_rows for part in held)
            yield pa.concat_tables([*held, table.slice(0, missing)])
            held, table = [], table.slice(missing)
        held.append(table)
    if sum(part.num_rows for part in held):
        yield pa.concat_tables(held)


def _statuses(rows: pa.Table) -> pa.ChunkedArray:
    """The status of a row's captions: `some of each` when they differ, null when there is no caption."""
    joined = pc.binary_join(rows.column("caption_status"), " ").combine_chunks().dictionary_encode()
    sets = [set(text.split()) for text in joined.dictionary.to_pylist()]
    names = [one.copy().pop() if len(one) == 1 else "some of each" if one else None for one in sets]
    return pa.chunked_array([pa.array(names, pa.string()).take(joined.indices)])


def _facet(name: str, column: pa.ChunkedArray, values: tuple[str, ...]) -> dict[str, Any]:
    """The values that a column has or may have, and for each row the index of its value; the next index means none."""
    found = sorted(value for value in pc.unique(column).to_pylist() if value and value not in values)
    known = [*values, *found][:255]
    codes = pc.index_in(column, value_set=pa.array(known, pa.string())).fill_null(len(known))
    return {"name": name, "values": known, "codes": _base64(np.asarray(codes.to_numpy(), dtype=np.uint8))}


def number_column(values: NDArray[np.float64], decimals: int) -> dict[str, Any]:
    """Numbers as integers with some decimals, in 16 bits if they suffice; what is not finite is missing."""
    scaled = np.round(values * 10.0**decimals)
    finite = np.isfinite(scaled)
    bits = 16 if np.abs(scaled, where=finite, out=np.zeros_like(scaled)).max(initial=0) < 2**15 else 32
    least = -(2 ** (bits - 1))
    whole = np.where(finite, np.clip(scaled, least + 1, -least - 1), least).astype(f"<i{bits // 8}")
    return {"decimals": decimals, "bits": bits, "values": _base64(whole)}


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _write(release: str, name: str, number: int | None, payload: Any) -> None:
    """Write a script that hands its payload to the page.

    The payload is JSON in a string, which a script engine parses several times faster than an object literal.
    """
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    script = f"elsaReport.take({json.dumps(number)},'{quoted}');\n"
    folder_files.write_bytes(release, f"{DATA}/{name}", script.encode("utf-8", "replace"))
