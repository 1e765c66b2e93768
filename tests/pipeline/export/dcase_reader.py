"""Reads a folder of DCASE's task on localisation (SELD), after the description of its data; knows nothing of ours.

Audio is four channels of 16-bit WAV. A metadata file has the name of its recording and no header; each line is
`frame,class,source,azimuth,elevation,distance`, all integers, counted from 0. A frame has 100 ms. Azimuth is in
[−180, 180] and grows counter-clockwise, 90 is left; elevation is in [−90, 90]; distances are in centimetres.
Sounds at one time have lines with the same frame, and may be of one class.
"""

from __future__ import annotations

import csv
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Event(NamedTuple):
    """One line of a metadata file, with the name of its class."""

    frame: int
    name: str
    source: int
    azimuth: int
    elevation: int
    distance_cm: int


@dataclass(frozen=True)
class Recording:
    """A recording with its events."""

    rate: int
    samples: NDArray[np.int16]
    """(samples, 4): W, Y, Z, X."""
    events: list[Event]

    def of_source(self, number: int) -> list[Event]:
        return [event for event in self.events if event.source == number]

    def intensity_azimuth_elevation(self) -> tuple[float, float]:
        """The direction that the mean of pressure by velocity points to."""
        w, y, z, x = self.samples.astype(np.float64).T
        front, left, up = (float(np.mean(w * axis)) for axis in (x, y, z))
        return float(np.degrees(np.arctan2(left, front))), float(np.degrees(np.arctan2(up, np.hypot(front, left))))


def read_dcase(root: Path) -> dict[str, Recording]:
    """Every recording by the name of its folder and its own."""
    with (root / "classes.csv").open(newline="", encoding="utf-8") as file:
        names = {int(line["index"]): line["name"] for line in csv.DictReader(file)}
    assert sorted(names) == list(range(len(names)))
    sounds = {path.relative_to(root / "foa_dev").with_suffix("") for path in (root / "foa_dev").rglob("*.*")}
    labels = {path.relative_to(root / "metadata_dev").with_suffix("") for path in (root / "metadata_dev").rglob("*.*")}
    assert sounds == labels
    return {name.as_posix(): _recording(root, name, names) for name in sorted(sounds)}


def _recording(root: Path, name: Path, names: dict[int, str]) -> Recording:
    with wave.open(str(root / "foa_dev" / f"{name}.wav")) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (4, 2)
        rate, length = sound.getframerate(), sound.getnframes()
        samples = np.frombuffer(sound.readframes(length), "<i2").reshape(length, 4)
    events = []
    for line in (root / "metadata_dev" / f"{name}.csv").read_text().splitlines():
        frame, index, source, azimuth, elevation, distance = (int(cell) for cell in line.split(","))
        assert 0 <= frame * rate < 10 * length
        assert -180 <= azimuth <= 180
        assert -90 <= elevation <= 90
        assert min(source, distance) >= 0
        events.append(Event(frame, names[index], source, azimuth, elevation, distance))
    assert [event.frame for event in events] == sorted(event.frame for event in events)
    assert len({(event.frame, event.name, event.source) for event in events}) == len(events)
    return Recording(rate, samples, events)
