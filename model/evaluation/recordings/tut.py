"""TUT Sound Events 2018 REAL, in the folders that DCASE's baseline reads.

::

    TUT/
      wav_ov1_split1_30db/train_0_desc_30_100.wav     four channels, ambisonics
      desc_ov1_split1/train_0_desc_30_100.csv         sound_event_recording,start_time,end_time,ele,azi,dist

A recording and its description have the same stem, which begins with ``train`` or ``test``. The files do not state the
order and normalisation of their channels: these are the options ``tut_order`` and ``tut_normalisation``. If they are
wrong, the closed forms in the table have large errors.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from model.errors import ReleaseUnreadable, one_line
from model.evaluation.recordings.parts import Label, Part, parts_of_one_source
from model.files import read_bytes

FIELDS = ("sound_event_recording", "start_time", "end_time", "ele", "azi", "dist")
#: Most bytes of a description, which has about a hundred lines, and the largest number in it.
MOST_DESCRIPTION_BYTES, LARGEST_VALUE = 200_000, 86_400.0


def read_tut(folder: Path) -> dict[str, list[Part]]:
    """Reads the parts of all recordings in which a single source sounds, by ``train`` and ``test``.

    Raises:
        ReleaseUnreadable: no descriptions, another header, a value that is not a number, or a missing recording.
    """
    if not folder.is_dir():
        raise ReleaseUnreadable(f"{folder}: no such folder")
    descriptions = sorted(folder.glob("**/desc_*/**/*.csv"))
    if not descriptions:
        raise ReleaseUnreadable(f"{folder}: no desc_*/*.csv, so not the layout of TUT Sound Events 2018")
    found: dict[str, list[Part]] = {"train": [], "test": []}
    for description in descriptions:
        split = next((name for name in found if description.stem.startswith(name)), None)
        if split is not None:
            recordings = _recordings(description)
            labels = parts_of_one_source(list(_read_description(folder, description)))
            found[split] += [Part(recording, label, folder) for recording in recordings for label in labels]
    return found


def _recordings(description: Path) -> list[Path]:
    """The recordings of a description in desc_X: in the folders wav_X and wav_X_…, one for each level of noise."""
    parent = next(parent for parent in description.parents if parent.name.startswith("desc_"))
    inside = description.relative_to(parent).with_suffix(".wav")
    scene = parent.name.removeprefix("desc_")
    folders = [parent.with_name(f"wav_{scene}"), *sorted(parent.parent.glob(f"wav_{scene}_*"))]
    found = [folder / name for folder in folders for name in (inside, Path(inside.name)) if (folder / name).is_file()]
    if not found:
        raise ReleaseUnreadable(f"{description}: no recording wav_{scene}*/{inside}")
    return list(dict.fromkeys(found))


def _read_description(folder: Path, description: Path) -> Iterator[Label]:
    try:
        text = read_bytes(folder, description.relative_to(folder).as_posix(), MOST_DESCRIPTION_BYTES).decode("utf-8")
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        missing = [name for name in FIELDS if name not in (reader.fieldnames or [])]
        if missing:
            raise ReleaseUnreadable(f"{description}: no column {missing[0]}")
        for line, row in enumerate(reader, start=2):
            try:
                start, end, elevation, azimuth, distance = (float(row[name]) for name in FIELDS[1:])
            except (TypeError, ValueError):
                raise ReleaseUnreadable(f"{description}: line {line}: a value is not a number") from None
            values = (start, end, elevation, azimuth, distance)
            if not all(abs(value) <= LARGEST_VALUE for value in values) or end < start:
                raise ReleaseUnreadable(f"{description}: line {line}: not a time range with a direction")
            yield Label(row[FIELDS[0]], start, end, azimuth, elevation, distance)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReleaseUnreadable(f"{description}: cannot be read: {one_line(error)}") from None
