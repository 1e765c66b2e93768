"""Measured responses one by one from files of all formats, and the proof of their conventions at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from transforms.records import Rejection
from transforms.rooms.measured.csv_responses import read_csv_responses
from transforms.rooms.measured.files import MeasuredFile, MeasuredUnusable, check_splits, files_sha256, measured_files
from transforms.rooms.measured.prepare import prepare
from transforms.rooms.measured.response import STAGE, MeasuredResponse, RawResponse, ResponseRejected
from transforms.rooms.measured.settings import Conventions

__all__ = ["MeasuredFile", "MeasuredUnusable", "files_sha256", "measured_files", "read_measured"]


def read_measured(
    files: Sequence[MeasuredFile], conventions: Conventions, say: Callable[[str], None] | None = None
) -> Iterator[MeasuredResponse | Rejection]:
    """Reads measured responses, one at a time, in the order of the files.

    Args:
        files: what `measured_files` found.
        conventions: what the recipe states.
        say: called after the last response with one line for each thing that the directions cannot tell.

    Raises:
        MeasuredUnusable: a file cannot be read; a room is in two splits; after the last response, the directions over
            the whole set disagree with the conventions.
    """
    splits: dict[str, str | None] = {}
    for raw in _raw_responses(files):
        if isinstance(raw, Rejection):
            yield raw
            continue
        check_splits(splits, raw.room_id, raw.split)
        stated = conventions.resolved(raw.of_file)
        try:
            prepared = prepare(raw, stated)
        except ResponseRejected as error:
            yield Rejection(raw.file, STAGE, error.reason, f"{raw.response_id}: {error}", raw.split, raw.response_id)
            continue
        yield prepared.response


def _raw_responses(files: Sequence[MeasuredFile]) -> Iterator[RawResponse | Rejection]:
    for file in files:
        if file.kind == "csv":
            yield from read_csv_responses(file)
