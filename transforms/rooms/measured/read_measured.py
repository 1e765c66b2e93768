"""Measured responses one by one from files of all formats, and the proof of their conventions at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from transforms.records import Rejection
from transforms.rooms.measured.csv_responses import audio_names, read_csv_responses
from transforms.rooms.measured.files import MeasuredFile, MeasuredUnusable, check_splits, measured_files
from transforms.rooms.measured.prepare import prepare
from transforms.rooms.measured.proof import Proof
from transforms.rooms.measured.response import STAGE, MeasuredResponse, RawResponse, ResponseRejected
from transforms.rooms.measured.settings import Conventions
from transforms.rooms.measured.sofa import read_sofa
from transforms.rooms.measured.tau import is_table, read_tau
from transforms.storage import folder_files

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
    proof = Proof()
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
        proof.add(raw, stated, prepared.intensity)
        yield prepared.response
    proof.judge(say)


def _raw_responses(files: Sequence[MeasuredFile]) -> Iterator[RawResponse | Rejection]:
    for file in files:
        if file.kind == "csv":
            yield from read_csv_responses(file)
        elif file.kind == "sofa":
            yield from read_sofa(file)
        elif not is_table(file):
            yield from read_tau(file)


def files_sha256(files: Iterable[MeasuredFile]) -> str:
    """One SHA-256 over the names and contents of everything that is read, with the sounds that a list names.

    Raises:
        MeasuredUnusable: a file cannot be read.
    """
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.name):
        with file.opened() as opened:
            _add(digest, file.name, opened)
        if file.kind == "csv":
            for name in audio_names(file):
                try:
                    with folder_files.open_file(file.folder, file.beside(name)) as opened:
                        _add(digest, f"{file.name}\0{name}", opened)
                except OSError:
                    # Its response is rejected; the row in the list is hashed.
                    digest.update(f"\0{len(name)}\0{name}\0missing".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _add(digest: hashlib._Hash, name: str, file: BinaryIO) -> None:
    content = bytes.fromhex(folder_files.sha256_from_here(file))
    encoded = name.encode("utf-8", "surrogateescape")
    digest.update(len(encoded).to_bytes(8, "big") + encoded + content)
