"""Localisation on real recordings: TUT Sound Events 2018 REAL, in the folders that DCASE's baseline reads.

::

    TUT/
      wav_ov1_split1_30db/train_0_desc_30_100.wav     four channels, ambisonics
      desc_ov1_split1/train_0_desc_30_100.csv         sound_event_recording,start_time,end_time,ele,azi,dist

A recording and its description have the same stem, which begins with ``train`` or ``test``. Like ELSA (section 5), the
readout is trained on the embeddings of train and tested on test. Only parts in which a single source sounds are used,
and each is cropped to its middle. The files do not state the order and normalisation of their channels: these are the
options ``tut_order`` and ``tut_normalisation``. If they are wrong, the closed forms in the table have large errors.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.data import read_foa, to_length, unit_direction
from model.data.sound import sound_length
from model.errors import ReleaseUnreadable, SoundUnreadable, one_line
from model.evaluation.angles import angle_scores, method_angles
from model.evaluation.collect import ModelOutput, run_on_clips
from model.evaluation.probes import train_direction_readout
from model.evaluation.subject import NotScored, Subject
from model.files import read_bytes

FIELDS = ("sound_event_recording", "start_time", "end_time", "ele", "azi", "dist")
#: Shorter parts are not used.
LEAST_S = 0.25
_ACN = "WYZX"
#: Most bytes of a description, which has about a hundred lines, and the largest number in it.
MOST_DESCRIPTION_BYTES, LARGEST_VALUE = 200_000, 86_400.0
#: Clips that are in memory at one time.
_CLIPS = 64


@dataclass(frozen=True)
class Event:
    """A part of a recording in which a single source sounds. Azimuth is counter-clockwise, +90° is left.

    The recording is in ``folder``, which the user typed; None where the recording itself was typed.
    """

    recording: Path
    kind: str
    start_s: float
    end_s: float
    azimuth_deg: float
    elevation_deg: float
    distance_m: float
    folder: Path | None = None


def evaluate_tut(subject: Subject, folder: Path) -> dict[str, Any]:
    """Mean and median angle of every method on the test recordings, for metrics.json.

    Raises:
        NotScored: there is no test event, or no train event for the readout.
        ReleaseUnreadable: the folder has another layout, or a file cannot be used.
    """
    found = read_events(folder)
    for part in ("train", "test"):
        if not found[part]:
            raise NotScored(f"{folder}: no {part} recording in which a single source sounds")
    options = subject.options
    output = {part: _run(subject, found[part]) for part in ("train", "test")}
    true = {part: _directions(found[part]) for part in ("train", "test")}
    readout = train_direction_readout(
        output["train"].audio,
        true["train"],
        [event.recording.name for event in found["train"]],
        steps=options.readout_steps,
        seed=options.seed,
    )
    groups = [event.recording.name for event in found["test"]]
    angles = method_angles(output["test"], readout, true["test"])
    scores = angle_scores(angles, groups, key="tut")
    # A readout that has not learnt from these rooms or this microphone.
    unseen = method_angles(output["test"], subject.readout, true["test"])["readout"]
    return scores | angle_scores({"readout_of_releases": unseen}, groups, key="tut")


def read_events(folder: Path) -> dict[str, list[Event]]:
    """Reads the events of all descriptions in which a single source sounds, by ``train`` and ``test``.

    Raises:
        ReleaseUnreadable: no descriptions, another header, a value that is not a number, or a missing recording.
    """
    if not folder.is_dir():
        raise ReleaseUnreadable(f"{folder}: no such folder")
    descriptions = sorted(folder.glob("**/desc_*/**/*.csv"))
    if not descriptions:
        raise ReleaseUnreadable(f"{folder}: no desc_*/*.csv, so not the layout of TUT Sound Events 2018")
    events: dict[str, list[Event]] = {"train": [], "test": []}
    for description in descriptions:
        part = next((name for name in events if description.stem.startswith(name)), None)
        if part is not None:
            for recording in _recordings(description):
                events[part] += single_events(list(_read_description(folder, description, recording)))
    return events


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


def _read_description(folder: Path, description: Path, recording: Path) -> Iterator[Event]:
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
            yield Event(recording, row[FIELDS[0]], start, end, azimuth, elevation, distance, folder)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReleaseUnreadable(f"{description}: cannot be read: {one_line(error)}") from None


def single_events(events: Sequence[Event]) -> list[Event]:
    """The parts of a recording's events in which no other event sounds, if they are at least LEAST_S long."""
    edges = sorted({edge for event in events for edge in (event.start_s, event.end_s)})
    parts: list[Event] = []
    for start, end in itertools.pairwise(edges):
        active = [event for event in events if event.start_s < end and event.end_s > start]
        if len(active) != 1:
            continue
        event = active[0]
        last = parts[-1] if parts else None
        same = (
            last is not None
            and last.end_s == start
            and (last.kind, last.azimuth_deg)
            == (
                event.kind,
                event.azimuth_deg,
            )
        )
        begin = last.start_s if same and last is not None else start
        part = replace(event, start_s=begin, end_s=end)
        parts = [*parts[:-1], part] if same else [*parts, part]
    return [part for part in parts if part.end_s - part.start_s >= LEAST_S]


def _directions(events: Sequence[Event]) -> NDArray[np.float64]:
    return np.array([unit_direction(event.azimuth_deg, event.elevation_deg) for event in events])


def _run(subject: Subject, events: Sequence[Event]) -> ModelOutput:
    """Runs the model on events, a few at a time."""
    config = subject.embedder.model.config
    samples = round(config.clip_s * config.sample_rate)
    parts = []
    for first in range(0, len(events), _CLIPS):
        clips = [
            read_event(
                event,
                sample_rate=config.sample_rate,
                samples=samples,
                order=subject.options.tut_order,
                normalisation=subject.options.tut_normalisation,
            )
            for event in events[first : first + _CLIPS]
        ]
        parts.append(run_on_clips(subject.embedder, clips))
    return ModelOutput(
        audio=np.concatenate([part.audio for part in parts]),
        direction={name: np.concatenate([part.direction[name] for part in parts]) for name in parts[0].direction},
        distance_m=np.concatenate([part.distance_m for part in parts]),
    )


def read_event(event: Event, *, sample_rate: int, samples: int, order: str, normalisation: str) -> NDArray[np.float32]:
    """Reads the middle of an event as AmbiX.

    Args:
        event: a part of a recording.
        sample_rate, samples: of the result.
        order: of the recording's channels, such as ``WYZX``.
        normalisation: of the recording's channels, SN3D or N3D.

    Returns:
        (4, samples), W, Y, Z, X in SN3D. A shorter event is padded with zeros at its end.

    Raises:
        SoundUnreadable: the recording cannot be decoded, is too short or does not have four channels.
    """
    frames, rate = sound_length(event.recording, folder=event.folder, channels=len(_ACN))
    start = round(event.start_s * rate)
    length = min(round(event.end_s * rate), frames) - start
    wanted = min(length, round(samples / sample_rate * rate))
    if wanted < 1:
        raise SoundUnreadable(f"{event.recording}: ends before {event.start_s:g} s, where {event.kind} begins")
    foa = read_foa(
        event.recording,
        sample_rate=sample_rate,
        start=start + (length - wanted) // 2,
        frames=wanted,
        folder=event.folder,
    )
    foa = foa[[order.index(channel) for channel in _ACN]]
    if normalisation == "N3D":
        foa = foa * np.array([[1.0], [3**-0.5], [3**-0.5], [3**-0.5]], dtype=np.float32)
    return to_length(foa, samples).astype(np.float32)
