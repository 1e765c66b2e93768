"""Localisation on real recordings: TUT Sound Events 2018 REAL, in the folders that DCASE's baseline reads.

::

    TUT/
      wav_ov1_split1_30db/train_0_desc_30_100.wav     four channels, ambisonics
      desc_ov1_split1/train_0_desc_30_100.csv         sound_event_recording,start_time,end_time,ele,azi,dist

A recording and its description have one stem; ``train`` or ``test`` begins it. ELSA trains its readout on the
embeddings of train and tests on test (section 5); so does this. Only the parts in which one source sounds alone are
used, each cropped to the middle of the model's clip. The order and the scaling of the channels are not in the files:
``tut_order`` and ``tut_normalisation`` say them, and the closed forms in the table show when they are wrong.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from model.data import read_foa, to_length, unit_direction
from model.errors import ReleaseUnreadable, SoundUnreadable, one_line
from model.evaluation.angles import angle_scores, method_angles
from model.evaluation.collect import Heard, hear
from model.evaluation.probes import train_direction_readout

if TYPE_CHECKING:
    from model.evaluation.subject import Subject

FIELDS = ("sound_event_recording", "start_time", "end_time", "ele", "azi", "dist")
#: A shorter part tells nothing of a direction.
LEAST_S = 0.25
_ACN = "WYZX"
#: Clips held in memory at a time.
_CLIPS = 64


@dataclass(frozen=True)
class Event:
    """A part of a recording in which one source sounds alone; seconds, degrees, metres.

    Azimuth is counter-clockwise from the front, +90° left, as in TUT's recordings.
    """

    recording: Path
    kind: str
    start_s: float
    end_s: float
    azimuth_deg: float
    elevation_deg: float
    distance_m: float


def evaluate_tut(subject: Subject, folder: Path) -> dict[str, Any]:
    """Mean and median angle of every method on the test recordings, for metrics.json.

    Raises:
        NotScored: no test event, or no train event to learn the readout from.
        ReleaseUnreadable: a folder of another layout, or a file that cannot be used.
    """
    from model.evaluation.subject import NotScored

    found = read_events(folder)
    for part in ("train", "test"):
        if not found[part]:
            raise NotScored(f"{folder}: no {part} recording with a single source")
    options = subject.options
    heard = {part: _hear(subject, found[part]) for part in ("train", "test")}
    true = {part: _directions(found[part]) for part in ("train", "test")}
    readout = train_direction_readout(
        heard["train"].audio,
        true["train"],
        [event.recording.name for event in found["train"]],
        steps=options.readout_steps,
        seed=options.seed,
    )
    groups = [event.recording.name for event in found["test"]]
    angles = method_angles(heard["test"], readout, true["test"])
    scores = angle_scores(angles, groups, key="tut")
    # The readout that has never heard these rooms or this microphone.
    unseen = method_angles(heard["test"], subject.readout, true["test"])["readout"]
    return scores | angle_scores({"readout_of_releases": unseen}, groups, key="tut")


def read_events(folder: Path) -> dict[str, list[Event]]:
    """The events of all descriptions in which a source sounds alone, by ``train`` and ``test``.

    Raises:
        ReleaseUnreadable: no descriptions, another header, a value that is no number, or a recording that is missing.
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
                events[part] += alone(list(_read_description(description, recording)))
    return events


def _recordings(description: Path) -> list[Path]:
    """The recordings of a description: in wav_X_…, beside desc_X, one for each level of noise that is there."""
    parent = next(parent for parent in description.parents if parent.name.startswith("desc_"))
    inside = description.relative_to(parent).with_suffix(".wav")
    scene = parent.name.removeprefix("desc_")
    folders = [parent.with_name(f"wav_{scene}"), *sorted(parent.parent.glob(f"wav_{scene}_*"))]
    found = [folder / name for folder in folders for name in (inside, Path(inside.name)) if (folder / name).is_file()]
    if not found:
        raise ReleaseUnreadable(f"{description}: no recording wav_{scene}*/{inside}")
    return list(dict.fromkeys(found))


def _read_description(description: Path, recording: Path) -> Iterator[Event]:
    try:
        with description.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in FIELDS if name not in (reader.fieldnames or [])]
            if missing:
                raise ReleaseUnreadable(f"{description}: no column {missing[0]}")
            for line, row in enumerate(reader, start=2):
                try:
                    start, end, elevation, azimuth, distance = (float(row[name]) for name in FIELDS[1:])
                except (TypeError, ValueError):
                    raise ReleaseUnreadable(f"{description}: line {line}: a value is no number") from None
                if not all(map(math.isfinite, (start, end, elevation, azimuth, distance))) or end < start:
                    raise ReleaseUnreadable(f"{description}: line {line}: not a stretch of time with a place")
                yield Event(recording, row[FIELDS[0]], start, end, azimuth, elevation, distance)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReleaseUnreadable(f"{description}: cannot be read: {one_line(error)}") from None


def alone(events: Sequence[Event]) -> list[Event]:
    """The parts of one recording's events during which no other event sounds, LEAST_S and longer."""
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
        part = Event(event.recording, event.kind, begin, end, event.azimuth_deg, event.elevation_deg, event.distance_m)
        parts = [*parts[:-1], part] if same else [*parts, part]
    return [part for part in parts if part.end_s - part.start_s >= LEAST_S]


def _directions(events: Sequence[Event]) -> NDArray[np.float64]:
    return np.array([unit_direction(event.azimuth_deg, event.elevation_deg) for event in events])


def _hear(subject: Subject, events: Sequence[Event]) -> Heard:
    """What the model makes of events, a few at a time."""
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
        parts.append(hear(subject.embedder, clips))
    return Heard(
        audio=np.concatenate([part.audio for part in parts]),
        direction={name: np.concatenate([part.direction[name] for part in parts]) for name in parts[0].direction},
        distance_m=np.concatenate([part.distance_m for part in parts]),
    )


def read_event(event: Event, *, sample_rate: int, samples: int, order: str, normalisation: str) -> NDArray[np.float32]:
    """The middle of an event as AmbiX, (4, samples) at ``sample_rate``.

    Raises:
        SoundUnreadable: a recording that cannot be decoded, is too short or has no four channels.
    """
    try:
        info = soundfile.info(event.recording)
    except (OSError, RuntimeError) as error:
        raise SoundUnreadable(f"{event.recording}: cannot be decoded: {one_line(error)}") from None
    if info.channels != len(_ACN):
        raise SoundUnreadable(f"{event.recording}: {info.channels} channels, {len(_ACN)} are expected")
    start = round(event.start_s * info.samplerate)
    length = min(round(event.end_s * info.samplerate), info.frames) - start
    wanted = min(length, round(samples / sample_rate * info.samplerate))
    if wanted < 1:
        raise SoundUnreadable(f"{event.recording}: ends before {event.start_s:g} s, where {event.kind} begins")
    foa = read_foa(event.recording, sample_rate=sample_rate, start=start + (length - wanted) // 2, frames=wanted)
    foa = foa[[order.index(channel) for channel in _ACN]]
    if normalisation == "N3D":
        foa = foa * np.array([[1.0], [3**-0.5], [3**-0.5], [3**-0.5]], dtype=np.float32)
    return to_length(foa, samples).astype(np.float32)
