"""STARSS22 and STARSS23, real recordings with frame labels, in the folders of DCASE's task on localisation.

::

    STARSS23/
      foa_dev/dev-test-sony/fold4_room23_mix001.wav         W, Y, Z, X in SN3D, 24 kHz
      metadata_dev/dev-test-sony/fold4_room23_mix001.csv    frame,class,source,azimuth,elevation,distance

The folders begin with ``dev-train`` or ``dev-test``. The labels have no header and a line for each source in each frame
of 100 ms: whole degrees, azimuth counter-clockwise, and since 2023 the distance in centimetres.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from model.data.sound import sound_length
from model.errors import ReleaseUnreadable, SoundUnreadable, one_line, printable
from model.evaluation.recordings.parts import Label, Part, parts_of_one_source
from model.evaluation.recordings.reading import CHANNELS
from model.files import FileRefused, read_bytes

SOUNDS, LABELS = "foa_dev", "metadata_dev"
RATE = 24000
COLUMNS = ("frame", "class", "source", "azimuth", "elevation", "distance")
#: The columns that are counted from 0; the others are measured.
_COUNTED = COLUMNS[:3]
FRAMES_PER_S = 10
#: Most bytes of the labels of a recording. Nine minutes of five sources have 700 kB.
MOST_LABEL_BYTES = 2_000_000
#: Labels may go on for so long after the end of the sound, where they are cut. Longer ones belong to another recording.
OVERRUN_S = 1.0
#: Values that a column may have.
RANGES = {"azimuth": (-180, 180), "elevation": (-90, 90), "distance": (0, 100_000)}

_SPLIT = re.compile(r"dev-(train|test)(?:-.*)?")
_COUNT = re.compile(r"[0-9]{1,7}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,7}(?:\.[0-9]{0,9})?")
_LONGEST_CELL = 40


def read_starss(folder: Path) -> dict[str, list[Part]]:
    """Reads the parts of all recordings in which a single source sounds, by ``train`` and ``test``.

    Every label and the header of every recording is read, so bad ones are found before any work begins.

    Raises:
        ReleaseUnreadable: another layout, a recording without labels, labels without a recording, a recording of
            another rate or number of channels, or a line that cannot be used.
    """
    if not folder.is_dir():
        raise ReleaseUnreadable(f"{folder}: no such folder")
    recordings, labels = _names(folder / SOUNDS, ".wav"), _names(folder / LABELS, ".csv")
    if not recordings and not labels:
        raise ReleaseUnreadable(f"{folder}: no {SOUNDS}/dev-test*/*.wav, so not the layout of STARSS23{_hint(folder)}")
    for name in sorted(recordings ^ labels):
        if name in recordings:
            raise ReleaseUnreadable(f"{folder / SOUNDS / name}.wav: no labels {LABELS}/{name}.csv")
        raise ReleaseUnreadable(f"{folder / LABELS / name}.csv: no recording {SOUNDS}/{name}.wav")
    found: dict[str, list[Part]] = {"train": [], "test": []}
    for name in sorted(recordings):
        recording = folder / SOUNDS / f"{name}.wav"
        length_s = _length_s(recording, folder)
        labels_of_recording = list(_read_labels(folder, f"{LABELS}/{name}.csv", length_s))
        found[_split_of(name)] += [Part(recording, label, folder) for label in parts_of_one_source(labels_of_recording)]
    return found


def _hint(folder: Path) -> str:
    """What the folder has in place of ambisonics, for the message."""
    if (folder / "mic_dev").is_dir():
        return "; mic_dev has the signals of single microphones, foa_dev.zip has ambisonics"
    return ""


def _names(folder: Path, ending: str) -> set[str]:
    """The names of the files in dev-train* and dev-test*, without the ending: ``dev-test-sony/fold4_room23_mix001``."""
    files = folder.glob(f"dev-*/*{ending}")
    # An archive that was packed on macOS can have a hidden file beside each file.
    names = {f"{file.parent.name}/{file.stem}" for file in files if not file.name.startswith(".")}
    return {name for name in names if _SPLIT.fullmatch(name.partition("/")[0])}


def _split_of(name: str) -> str:
    match = _SPLIT.fullmatch(name.partition("/")[0])
    assert match is not None, name
    return match[1]


def _length_s(recording: Path, folder: Path) -> float:
    try:
        samples, rate = sound_length(recording, folder=folder, channels=CHANNELS)
    except SoundUnreadable as error:
        # Nothing has begun yet, so this is not the error of a file that is found to be broken during the work.
        raise ReleaseUnreadable(str(error)) from None
    if rate != RATE:
        raise ReleaseUnreadable(f"{recording}: {rate} Hz, {RATE} are expected")
    return samples / rate


def _read_labels(folder: Path, name: str, length_s: float) -> Iterator[Label]:
    """Yields the labels of a recording. Their times end with its sound."""
    file = folder / name
    try:
        text = read_bytes(folder, name, MOST_LABEL_BYTES).decode("utf-8-sig")
    except FileRefused as error:
        raise ReleaseUnreadable(one_line(error)) from None
    except UnicodeDecodeError:
        raise ReleaseUnreadable(f"{file}: not a text in UTF-8") from None
    except OSError as error:
        raise ReleaseUnreadable(f"{file}: cannot be read: {error.strerror}") from None
    columns = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        cells = line.split(",")
        try:
            columns = _check_columns(len(cells), columns)
            label = _label([_value(column, cell.strip()) for column, cell in zip(COLUMNS, cells, strict=False)])
            if label.end_s > length_s + OVERRUN_S:
                raise ValueError(f"the frame ends at {label.end_s:.1f} s, and the sound at {length_s:.1f} s")
        except ValueError as error:
            raise ReleaseUnreadable(f"{file}: line {number}: {error}") from None
        if label.start_s < length_s:
            yield replace(label, end_s=min(label.end_s, length_s))


def _check_columns(count: int, before: int) -> int:
    if count not in (len(COLUMNS) - 1, len(COLUMNS)):
        raise ValueError(f"{count} columns; {','.join(COLUMNS[:-1])} and, since 2023, {COLUMNS[-1]} are expected")
    if before and count != before:
        raise ValueError(f"{count} columns, {before} in the lines before")
    return count


def _value(column: str, cell: str) -> float:
    shown = printable(repr(cell if len(cell) <= _LONGEST_CELL else cell[:_LONGEST_CELL] + "…"))
    if column in _COUNTED:
        if not _COUNT.fullmatch(cell):
            raise ValueError(f"{column} is {shown}; a whole number from 0 is expected, and no header")
        return int(cell)
    if not _NUMBER.fullmatch(cell):
        raise ValueError(f"{column} is {shown}; a number is expected")
    low, high = RANGES[column]
    if not low <= float(cell) <= high:
        raise ValueError(f"{column} is {shown}; a number from {low} to {high} is expected")
    return float(cell)


def _label(values: list[float]) -> Label:
    frame, kind, source, azimuth, elevation, *distance = values
    return Label(
        source=f"class {int(kind)} of source {int(source)}",
        start_s=frame / FRAMES_PER_S,
        # The same number as the start of the next frame, bit for bit.
        end_s=(frame + 1) / FRAMES_PER_S,
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        distance_m=distance[0] / 100 if distance else None,
    )
