"""The end of a build: the files at the root are written when all shards exist."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipeline.recipe import Recipe
from pipeline.release.answer_counts import AnswerCounter, answer_counter
from pipeline.release.card import write_card
from pipeline.release.citation import citation_cff
from pipeline.release.croissant import croissant_json
from pipeline.release.gathering import Gathered, TableFile, save_tables
from pipeline.release.layout import (
    ANSWERS,
    ATTRIBUTION,
    CARD,
    CITATION,
    CROISSANT,
    RECIPE,
    REJECTED,
    RELEASE_JSON,
    ROOMS,
    gather,
    gather_rooms,
    metadata_paths,
    read_table,
)
from pipeline.release.release_json import release_json, versions
from pipeline.release.totals import Totals, total
from transforms import storage
from transforms.captions.variety import caption_variety
from transforms.errors import one_line
from transforms.escaping import spreadsheet_cell
from transforms.records import Rejection
from transforms.shards import workspace
from transforms.shards.release_rows import ANSWER_SCHEMA, REJECTION_SCHEMA, ROW_SCHEMA, rejection_values
from transforms.storage import folder_files

__all__ = ["Finished", "damage_text", "finish_release", "gather_rejections"]

#: The columns of attribution.csv, which names the author of each clip once.
ATTRIBUTION_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("source_id", "split", "dataset", "license", "attribution", "source_url")]
)


def gather_rejections(output: str, listed: Sequence[Rejection]) -> tuple[Rejection, ...]:
    """Every rejected input: those that the list rejects (`listed`) and those of the shards."""
    values = [rejection_values(rejection) for rejection in listed]
    with gather(output, workspace.REJECTED, REJECTION_SCHEMA, REJECTED, values) as gathered:
        return tuple(Rejection(**record) for table in gathered.tables() for record in table.to_pylist())


@dataclass(frozen=True)
class Finished:
    """A finished release."""

    totals: Totals
    rejections: tuple[Rejection, ...]
    notes: tuple[str, ...]
    """Lines for the user about captions without an answer of a language model."""
    no_answer_came: bool
    """True if a language model was asked and never answered."""


def finish_release(
    recipe: Recipe,
    listed: Sequence[Rejection],
    input_sha256: str,
    output: str,
    *,
    stated_versions: Mapping[str, str] | None = None,
) -> Finished:
    """Writes the files at the root, release.json last, and removes the workspace.

    Args:
        stated_versions: the versions that rendered the samples; None for those of this process.
    """
    files = {}
    rejections = gather_rejections(output, listed)
    refused = pa.Table.from_pylist([rejection_values(rejection) for rejection in rejections], REJECTION_SCHEMA)
    _, files[REJECTED] = save_tables(output, REJECTED, REJECTION_SCHEMA, [refused])
    counter, files[ANSWERS] = _save_answers(recipe, output)
    rooms = gather_rooms(output)
    _, files[ROOMS] = save_tables(output, ROOMS, rooms.schema, [rooms])
    totals = total(output, recipe.audio.fixed_gain_db if recipe.audio.level == "fixed" else None)
    answers = counter.counts()
    rendered_by = dict(stated_versions or versions())
    texts = {
        RECIPE: recipe.to_yaml().encode(),
        ATTRIBUTION: _attribution(output),
        CARD: write_card(
            recipe, totals, rooms=rooms.num_rows, rejections=rejections, answers=answers, versions=rendered_by
        ).encode(),
        CITATION: citation_cff(recipe, totals).encode(),
    }
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in texts.items()}
    texts[CROISSANT] = croissant_json(recipe, totals, {**files, **hashes}).encode()
    for name, data in texts.items():
        folder_files.write_bytes(output, name, data)
        files[name] = hashlib.sha256(data).hexdigest()
    values = release_json(
        recipe,
        totals,
        input_sha256=input_sha256,
        rejected=len(rejections),
        rooms=rooms.num_rows,
        answers=answers,
        variety=caption_variety(totals.samples),
        rendered_by=rendered_by,
        files=dict(sorted(files.items())),
    )
    folder_files.write_bytes(output, RELEASE_JSON, (json.dumps(values, indent=1) + "\n").encode())
    folder_files.remove_folder(output, workspace.FOLDER)
    return Finished(totals, rejections, counter.notes(), counter.no_answer_came)


def _save_answers(recipe: Recipe, output: str) -> tuple[AnswerCounter, str]:
    counter, file = answer_counter(recipe), TableFile(ANSWER_SCHEMA)
    with gather(output, workspace.ANSWERS, ANSWER_SCHEMA, ANSWERS) as gathered:
        for table in gathered.tables():
            counter.add(table)
            file.add(table)
    return counter, file.save(output, ANSWERS)


def _attribution(output: str) -> bytes:
    """The content of attribution.csv: each clip that sounds in a row once, sorted by name."""
    buffer = io.BytesIO()
    with Gathered(ATTRIBUTION_SCHEMA) as gathered, pyarrow.csv.CSVWriter(buffer, ATTRIBUTION_SCHEMA) as writer:
        for path in metadata_paths(output):
            gathered.add(clips_of_rows(read_table(output, path, [*ATTRIBUTION_SCHEMA.names, "sources"], ROW_SCHEMA)))
        for table in gathered.tables():
            writer.write_table(_for_spreadsheets(table))
    return buffer.getvalue()


def clips_of_rows(rows: pa.Table) -> pa.Table:
    """The clips of rows: their own, and those of all sounds in them, which are of the same split and data set."""
    own = rows.select(ATTRIBUTION_SCHEMA.names)
    lists = rows.column("sources").combine_chunks()
    parents, sources = pc.list_parent_indices(lists), pc.list_flatten(lists)
    names = [sources.type.field(number).name for number in range(sources.type.num_fields)]
    columns = [
        pc.struct_field(sources, name) if name in names else own.column(name).combine_chunks().take(parents)
        for name in ATTRIBUTION_SCHEMA.names
    ]
    return pa.concat_tables([own, pa.table(columns, schema=ATTRIBUTION_SCHEMA)])


def _for_spreadsheets(table: pa.Table) -> pa.Table:
    """The table with cells that a spreadsheet shows as they are, and does not calculate."""
    columns = ([spreadsheet_cell(text) for text in column.to_pylist()] for column in table.columns)
    return pa.table([pa.array(column, pa.string()) for column in columns], schema=table.schema)


def damage_text(output: str, error: pa.ArrowException) -> str:
    """Names the unreadable files of finished work after an error; the next build makes removed files again."""
    others = [name for name in folder_files.list_files(output, workspace.FOLDER) if name.endswith(".parquet")]
    names = (*metadata_paths(output), *(f"{workspace.FOLDER}/{name}" for name in others))
    unreadable = [name for name in names if not _is_parquet(output, name)]
    if not unreadable:
        return one_line(error)
    more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
    return f"{storage.join(output, unreadable[0])}{more} is no Parquet file any more: remove it"


def _is_parquet(output: str, name: str) -> bool:
    try:
        read_table(output, name)
    except (OSError, pa.ArrowException):
        return False
    return True
