"""Augmentation that keeps physics: named transforms with their ranges, each drawn by seed, epoch and the row's id.

A transform draws from a generator of its own, so that switching one off changes none of the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.augmentation.captions import Words
from model.augmentation.defects import (
    BandLimit,
    ChannelGain,
    Colouring,
    DiffuseNoise,
    Leakage,
    Level,
    LowFrequencyNoise,
    Misalignment,
    SpatialAliasing,
)
from model.augmentation.recording import Recording
from model.augmentation.symmetries import Mirror, Move, Rotation, moved
from model.errors import ConfigurationError

__all__ = ["RECORDING_DEFECTS", "Augmentation", "Augmented", "Recording", "Words"]

#: What noise and array do to a recording after its matrix, in the order of the sound.
RECORDING_DEFECTS = (
    "diffuse_noise",
    "spatial_aliasing",
    "band_limit",
    "leakage",
    "low_frequency_noise",
    "colouring",
    "channel_gain",
)
#: name of a transform → its generator.
Generators = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class Augmented:
    """What becomes of one row.

    Attributes:
        matrix: (4, 4), applied to W, Y, Z, X first.
        recording: what the recording does after that; None for nothing.
        azimuth_deg, elevation_deg, caption: where the source is now, and what is said of it.
        words: of every attribute, as they are now; None for an attribute without one.
    """

    matrix: NDArray[np.float64]
    recording: Recording | None
    azimuth_deg: float
    elevation_deg: float
    caption: str
    words: Words


@dataclass(frozen=True)
class Augmentation:
    """Every transform with its ranges; a probability of 0 switches one off.

    The order is that of the sound: turns and mirrorings of the room, the noise in it, the array with its defects, the
    level of the recording.
    """

    #: of the rows, how many are recorded without a defect
    ideal_share: float = 0.2
    #: of the rows, how many may be given a sentence of our own, to be moved to where their caption cannot go
    sentence_share: float = 0.25
    rotation: Rotation = field(default_factory=Rotation)
    mirror_left_right: Mirror = field(default_factory=Mirror)
    mirror_front_back: Mirror = field(default_factory=Mirror)
    mirror_up_down: Mirror = field(default_factory=Mirror)
    misalignment: Misalignment = field(default_factory=Misalignment)
    diffuse_noise: DiffuseNoise = field(default_factory=DiffuseNoise)
    spatial_aliasing: SpatialAliasing = field(default_factory=SpatialAliasing)
    band_limit: BandLimit = field(default_factory=BandLimit)
    leakage: Leakage = field(default_factory=Leakage)
    low_frequency_noise: LowFrequencyNoise = field(default_factory=LowFrequencyNoise)
    colouring: Colouring = field(default_factory=Colouring)
    channel_gain: ChannelGain = field(default_factory=ChannelGain)
    level: Level = field(default_factory=Level)

    def __post_init__(self) -> None:
        for name, value in (
            ("ideal_share", self.ideal_share),
            ("sentence_share", self.sentence_share),
            *((f"{name}.probability", getattr(self, name).probability) for name in transform_names()),
        ):
            if not 0 <= value <= 1:
                raise ConfigurationError(f"data.augmentation.{name} is {value}, outside [0, 1]")

    @classmethod
    def none(cls) -> Augmentation:
        """All of them switched off."""
        defaults = cls()
        return cls(
            **{name: dataclasses.replace(getattr(defaults, name), probability=0.0) for name in transform_names()}
        )

    def draw(
        self,
        generators: Generators,
        *,
        azimuth_deg: float,
        elevation_deg: float,
        words: Words,
        caption: str,
        original: str,
        sample_rate: int,
    ) -> Augmented:
        """What is done to a row with space; see ``symmetries.moved`` for the words."""
        rotation = self._drawn("rotation", generators)

        def turn_deg() -> float:
            return 0.0 if rotation is None else self.rotation.draw(rotation)

        move = moved(
            self._move(generators, turn_deg()),
            turn_deg,
            azimuth_deg=azimuth_deg,
            elevation_deg=elevation_deg,
            words=words,
            caption=caption,
            original=original,
            generator=generators("words"),
            sentences=bool(generators("sentence_share").random() < self.sentence_share),
        )
        matrix = move.move.matrix()
        recording = None
        if generators("ideal_share").random() >= self.ideal_share:
            if (generator := self._drawn("misalignment", generators)) is not None:
                matrix = self.misalignment.matrix(generator) @ matrix
            recording = self._recording(generators, sample_rate)
        return Augmented(
            matrix * self.gain(generators),
            recording,
            move.azimuth_deg,
            move.elevation_deg,
            move.caption,
            move.words,
        )

    def gain(self, generators: Generators) -> float:
        """The level's factor, also for rows without space."""
        generator = self._drawn("level", generators)
        return 1.0 if generator is None else self.level.gain(generator)

    def _drawn(self, name: str, generators: Generators) -> np.random.Generator | None:
        """The transform's generator, where the row has its turn."""
        probability = getattr(self, name).probability
        if probability == 0:
            return None
        generator = generators(name)
        return generator if generator.random() < probability else None

    def _move(self, generators: Generators, turn_deg: float) -> Move:
        return Move(
            sign_x=1 if self._drawn("mirror_front_back", generators) is None else -1,
            sign_y=1 if self._drawn("mirror_left_right", generators) is None else -1,
            sign_z=1 if self._drawn("mirror_up_down", generators) is None else -1,
            turn_deg=turn_deg,
        )

    def _recording(self, generators: Generators, sample_rate: int) -> Recording:
        recording = Recording.ideal(generators("noise").integers(1 << 62, size=4))
        for name in RECORDING_DEFECTS:
            if (generator := self._drawn(name, generators)) is not None:
                recording = getattr(self, name)(recording, generator, sample_rate)
        return recording


def transform_names() -> list[str]:
    """Every transform, in the order in which sound meets it."""
    return [entry.name for entry in dataclasses.fields(Augmentation) if not entry.name.endswith("_share")]
