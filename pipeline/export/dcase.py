"""The export of a release in the layout of DCASE's challenge on sound event localisation and detection (SELD)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pipeline.check.row_progress import RowProgress
from pipeline.export.checked_rows import ReleaseDamaged, checked_rows, whole_shards
from pipeline.export.frame_labels import frame_labels, labels_to_csv
from pipeline.export.output_folder import ExportError, claim_folder, finish_folder
from pipeline.export.sound_classes import SoundClasses, classes_of_labels
from pipeline.export.wav_files import MOST_WAV_BYTES, SAMPLE_BYTES, write_wav
from pipeline.release.layout import sha256_of
from pipeline.release.row_flacs import row_flacs
from transforms.bounds.limits import EXPANSION, EXPANSION_FREE_BYTES
from transforms.errors import one_line
from transforms.records import SPLITS
from transforms.shards.release_rows import with_newer_columns
from transforms.sound.open_sound import open_sound
from transforms.sound.render_rows import flac_name
from transforms.sources.lists.labels import NotLabel, label_of
from transforms.storage import folder_files

#: A row of a higher order is exported in its first.
CHANNELS = 4

CLASSES = "classes.csv"
#: The folders of the sounds and of the labels, in DCASE's names.
SOUNDS, LABELS = "foa_dev", "metadata_dev"

HOW_TO_LABEL = (
    "give the list of the input a column label and build again, or name classes with --classes FILE, "
    "a CSV file with the columns label,class or source_id,class"
)


@dataclass(frozen=True)
class Exported:
    """The size of an export."""

    rows: int
    classes: int
    turned_down: int
    """Rows of this run whose sound would have clipped at the new sample rate."""
    left_out: int
    """Rows that have a sound without a class."""
    first_left_out: str | None
    """The row and the sound of the first of them."""


@dataclass(frozen=True)
class _Survey:
    """What the rows of a release say about classes, before anything is written."""

    classes: SoundClasses
    usable: int
    left_out: int
    first_left_out: str | None


def sound_name(row_id: str) -> str:
    """The name of a row's files without an ending: the readable part of its id, and a hash that makes it unique."""
    return flac_name(row_id).removesuffix(".flac").lstrip("-")


def export_dcase(
    release: Path,
    output: Path,
    screen: TextIO,
    *,
    sample_rate: int | None = None,
    classes: SoundClasses | None = None,
) -> Exported:
    """Writes `foa_dev/dev-SPLIT/NAME.wav`, `metadata_dev/dev-SPLIT/NAME.csv` and `classes.csv`.

    A row of which a sound has no class is left out and counted, because its labels would not be whole. Each file
    appears only when it is complete, so an export that was stopped can go on: it keeps the rows that are complete.

    Args:
        release: the folder of the release.
        output: the folder of the export.
        screen: where progress goes.
        sample_rate: of the WAV files, in hertz; None keeps that of the release.
        classes: the classes; None takes the labels of the sounds.

    Raises:
        ReleaseError: when the folder has no release.json whose shards can be read.
        ReleaseDamaged: when a file differs from what the release states.
        ExportError: when no row can be exported, or the output folder holds something else.
        OSError: when a file cannot be read or written.
    """
    shards, digest = whole_shards(release)
    survey = _survey(release, shards, classes, sample_rate)
    identity = {"format": "dcase", "digest": digest, "sample_rate": sample_rate}
    identity["classes_sha256"] = survey.classes.sha256
    claim_folder(output, identity)
    for folder in (f"{kind}/dev-{split}" for kind in (SOUNDS, LABELS) for split in SPLITS):
        _remove_partials(output, folder)
    folder_files.write_bytes(str(output), CLASSES, survey.classes.to_csv().encode())
    ids: dict[str, str] = {}
    turned_down = 0
    with RowProgress("export", survey.usable + survey.left_out, screen) as progress:
        for shard, values in checked_rows(release, shards):
            sources = _sources(values)
            indices = _class_indices(sources, survey.classes, f"{shard}/{values['file_name']}")
            if None not in indices:
                name = f"dev-{shard.partition('/')[0]}/{sound_name(values['id'])}"
                if name in ids:
                    raise ReleaseDamaged(f"{shard}: two rows have the id {values['id']}")
                ids[name] = values["id"]
                sound, labels = f"{SOUNDS}/{name}.wav", f"{LABELS}/{name}.csv"
                if not all(folder_files.exists(str(output), file) for file in (sound, labels)):
                    turned_down += _write_sound(release, output, sound, shard, values, sample_rate)
                    known = [index for index in indices if index is not None]
                    text = labels_to_csv(frame_labels(sources, known, values["duration_s"]))
                    folder_files.write_bytes(str(output), labels, text.encode())
            progress.add(1)
    finish_folder(output, {**identity, "rows": len(ids), "left_out": survey.left_out, "ids": ids})
    return Exported(len(ids), len(survey.classes.names), turned_down, survey.left_out, survey.first_left_out)


def _survey(
    release: Path, shards: Iterable[dict[str, Any]], classes: SoundClasses | None, sample_rate: int | None
) -> _Survey:
    """Reads every row once, so that nothing is written before it is known that there is something to write."""
    labels: set[str] = set()
    usable = left_out = 0
    first: str | None = None
    for shard, values in checked_rows(release, shards):
        name = f"{shard}/{values['file_name']}"
        rate = sample_rate or values["sample_rate"]
        if values["channels"] != "WYZX":
            raise ExportError(
                f"{name}: has the channels {values['channels']}, and DCASE's layout takes ambisonics alone"
            )
        if values["duration_s"] * rate * CHANNELS * SAMPLE_BYTES > MOST_WAV_BYTES:
            raise ExportError(f"{name}: {values['duration_s'] / 3600:.1f} h at {rate} Hz are too long for a WAV file")
        found = [(source, _label(source, name)) for source in _sources(values)]
        without = [
            source["source_id"]
            for source, label in found
            if (label if classes is None else classes.index_of(source["source_id"], label)) is None
        ]
        if without:
            left_out += 1
            first = first or f"{values['id']}, whose sound {without[0]} has no class"
        else:
            usable += 1
            labels.update(label for _, label in found if label is not None)
    if not usable:
        raise ExportError(
            f"no row of {release} has a class for each of its sounds: {HOW_TO_LABEL}"
            if classes is None
            else f"the file of classes names those of no row of {release}; the first row is {first}"
        )
    return _Survey(classes_of_labels(labels) if classes is None else classes, usable, left_out, first)


def _sources(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The sounds of a row; a row of a release from before scenes has one."""
    sources: list[dict[str, Any]] | None = values["sources"]
    if sources is None:
        sources = with_newer_columns(values)["sources"]
        assert sources is not None
    return sources


def _label(source: Mapping[str, Any], name: str) -> str | None:
    try:
        return label_of(source["label"])
    except NotLabel as error:
        raise ReleaseDamaged(f"{name}: {error}") from error


def _class_indices(sources: Iterable[Mapping[str, Any]], classes: SoundClasses, name: str) -> list[int | None]:
    return [classes.index_of(source["source_id"], _label(source, name)) for source in sources]


def _write_sound(
    release: Path, output: Path, name: str, shard: str, values: Mapping[str, Any], sample_rate: int | None
) -> bool:
    """Writes the sound of a row after a look at its SHA-256; whether it was turned down."""
    of_release = f"{shard}/{values['file_name']}"
    folder, _, last = name.rpartition("/")
    partial = f"{folder}/.{last}.partial"
    with folder_files.open_file(str(release), of_release) as file:
        size = file.seek(0, os.SEEK_END)
        if sha256_of(file, row_flacs(values)[0].most_bytes(values["duration_s"])) != values["sha256"]:
            raise ReleaseDamaged(f"{of_release}: its SHA-256 is not the one in its row")
        try:
            with open_sound(file) as sound, folder_files.create_file(str(output), partial) as wav:
                problem = _problem_of_sound(sound, size, values)
                if problem is not None:
                    raise ReleaseDamaged(f"{of_release}: {problem}")
                turned_down = write_wav(sound, wav, sample_rate or values["sample_rate"])
            folder_files.rename(str(output), partial, name)
        except BaseException as error:
            folder_files.remove_files(str(output), [partial])
            if isinstance(error, OSError) and error.errno is not None and error.filename is None:
                raise OSError(error.errno, error.strerror, str(output / name)) from error
            if isinstance(error, ReleaseDamaged) or not isinstance(error, RuntimeError | ValueError | MemoryError):
                raise
            raise ReleaseDamaged(f"{of_release}: cannot be decoded: {one_line(error)}") from error
    return turned_down


def _problem_of_sound(sound: Any, size: int, values: Mapping[str, Any]) -> str | None:
    """Why a sound is not that of its row; checked before it is decoded."""
    if (sound.format, sound.channels) != ("FLAC", CHANNELS):
        return f"is {sound.format} of {sound.channels} channels, not FLAC of {CHANNELS} channels"
    rate = sound.samplerate
    if rate != values["sample_rate"] or abs(sound.frames / rate - values["duration_s"]) > 1e-6:
        return "sample rate or length is not that of the row"
    if sound.frames * CHANNELS * 2 > EXPANSION_FREE_BYTES + EXPANSION * size:
        return f"holds {sound.frames} samples, more than {size} bytes of sound do"
    return None


def _remove_partials(output: Path, folder: str) -> None:
    """Removes the files that a stopped export has left half-written."""
    try:
        names = [entry.name for entry in folder_files.entries_in(str(output), folder)]
    except FileNotFoundError:
        return
    folder_files.remove_files(
        str(output), [f"{folder}/{name}" for name in names if name.startswith(".") and name.endswith(".partial")]
    )
