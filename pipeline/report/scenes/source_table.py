"""Every sound of a release as a table with one line for each, for counts and plots; millions stay in Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.report.scenes.sounds import counted

#: The columns that each sound of a row has for itself, by which it is counted and drawn.
OF_SOUND = ("source_id", "license", "azimuth_deg", "elevation_deg", "distance_m", "direction", "elevation", "distance")
_OF_ROW = ("split", "dataset", "duration_s")
_MOVING = "moving"
#: The column that says of which row a sound is.
ROW = "row"
#: The column of rows that says how many sounds a row has and how many move.
SOUNDS = "sounds"


def sound_table(rows: pa.Table, first_row: int) -> pa.Table:
    """A line for each sound of the rows of a shard, which have a column `sources` and those of one place.

    A row whose `sources` is null is of an older release, and has one still sound that its own columns tell.

    Args:
        rows: the rows of a shard.
        first_row: the number of the first of them in the release.
    """
    lists = rows.column("sources").combine_chunks()
    older = np.flatnonzero(lists.is_null().to_numpy(zero_copy_only=False))
    parents, sounds = pc.list_parent_indices(lists), pc.list_flatten(lists)
    line_of_row = np.concatenate([older, parents.to_numpy(zero_copy_only=False)]).astype(np.int64)
    columns: dict[str, pa.Array] = {ROW: pa.array(line_of_row + first_row)}
    for name in OF_SOUND:
        own = rows.column(name).combine_chunks().take(pa.array(older))
        columns[name] = pa.concat_arrays([own, pc.struct_field(sounds, name)])
    still = pa.array(np.zeros(len(older), dtype=bool))
    columns[_MOVING] = pa.concat_arrays([still, pc.struct_field(sounds, _MOVING).fill_null(False)])
    for name in _OF_ROW:
        columns[name] = rows.column(name).combine_chunks().take(pa.array(line_of_row))
    return pa.table(columns).take(pa.array(np.argsort(line_of_row, kind="stable")))


def counted_sounds(sounds: pa.Table, first_row: int, rows: int) -> pa.Array:
    """For each row of a shard how many sounds it has and how many of them move, as in `2 sounds, 1 moving`."""
    row = sounds.column(ROW).to_numpy() - first_row
    moving = sounds.column(_MOVING).to_numpy()
    counts = np.stack([np.bincount(row, minlength=rows), np.bincount(row[moving], minlength=rows)], axis=1)
    kinds, codes = np.unique(counts, axis=0, return_inverse=True)
    return pa.array([counted(int(count), int(moves)) for count, moves in kinds], pa.string()).take(
        pa.array(codes.reshape(-1))
    )


def has_word(sounds: pa.Table, attribute: str, rows: int) -> NDArray[np.bool_]:
    """Whether any sound of a row has a word of an attribute, for each row of the release."""
    found = np.zeros(rows, dtype=bool)
    found[sounds.column(ROW).to_numpy()[sounds.column(attribute).is_valid().to_numpy()]] = True
    return found
