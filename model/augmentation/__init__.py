"""Augmentation that stays physically possible: named transforms, drawn by seed, epoch and the row's id.

Each transform has its own random generator, so switching one off does not change the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

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
from model.augmentation.symmetries import Mirror, Move, Rotation, move_row
from model.settings import Share, section

__all__ = ["RECORDING_DEFECTS", "Augmentation", "Augmented", "Recording", "Words"]

#: The transforms that change a recording after its matrix, in the order in which sound meets them.
RECORDING_DEFECTS = (
    "diffuse_noise",
    "spatial_aliasing",
    "band_limit",
    "leakage",
    "low_frequency_noise",
    "colouring",
    "channel_gain",
)
#: Gives the random generator of a transform by its name.
Generators = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class Augmented:
    """A row after its augmentation.

    Attributes:
        matrix: (4, 4), applied to W, Y, Z, X first.
        recording: the defects applied after the matrix; None for no defect.
        azimuth_deg, elevation_deg: the new direction of the source; None for several or moving sources.
        caption: a caption that is true of the new sound.
        words: the new word of every attribute; None for an attribute without a word.
    """

    matrix: NDArray[np.float64]
    recording: Recording | None
    azimuth_deg: float | None
    elevation_deg: float | None
    caption: str
    words: Words


def _switch(value: Any) -> Any:
    """Lets ``false`` instead of the ranges of a transform switch it off, and ``true`` stand for its defaults."""
    if value is None or value is True:
        return {}
    return {"probability": 0.0} if value is False else value


_Switch = BeforeValidator(_switch)


@section
class Augmentation:
    """Every transform with its ranges; a probability of 0 switches a transform off.

    The transforms are in the order in which sound meets them: rotation and reflections of the room, noise in the room,
    the array with its defects, the level of the recording.
    """

    #: share of the rows that are recorded without a defect
    ideal_share: Share = 0.2
    #: share of the rows that may get a sentence of ours, so that they can move further than their caption allows
    sentence_share: Share = 0.25
    rotation: Annotated[Rotation, _Switch] = field(default_factory=Rotation)
    mirror_left_right: Annotated[Mirror, _Switch] = field(default_factory=Mirror)
    mirror_front_back: Annotated[Mirror, _Switch] = field(default_factory=Mirror)
    mirror_up_down: Annotated[Mirror, _Switch] = field(default_factory=Mirror)
    misalignment: Annotated[Misalignment, _Switch] = field(default_factory=Misalignment)
    diffuse_noise: Annotated[DiffuseNoise, _Switch] = field(default_factory=DiffuseNoise)
    spatial_aliasing: Annotated[SpatialAliasing, _Switch] = field(default_factory=SpatialAliasing)
    band_limit: Annotated[BandLimit, _Switch] = field(default_factory=BandLimit)
    leakage: Annotated[Leakage, _Switch] = field(default_factory=Leakage)
    low_frequency_noise: Annotated[LowFrequencyNoise, _Switch] = field(default_factory=LowFrequencyNoise)
    colouring: Annotated[Colouring, _Switch] = field(default_factory=Colouring)
    channel_gain: Annotated[ChannelGain, _Switch] = field(default_factory=ChannelGain)
    level: Annotated[Level, _Switch] = field(default_factory=Level)

    @classmethod
    def none(cls) -> Augmentation:
        """Every transform switched off."""
        defaults = cls()
        return cls(
            **{name: dataclasses.replace(getattr(defaults, name), probability=0.0) for name in transform_names()}
        )

    def draw(
        self,
        generators: Generators,
        *,
        azimuth_deg: float | None,
        elevation_deg: float | None,
        words: Words,
        caption: str,
        original: str,
        sample_rate: int,
    ) -> Augmented:
        """Augments a spatial row.

        Args:
            generators: gives the random generator of each transform.
            azimuth_deg, elevation_deg: direction of the source; None for several or moving sources, whose sound
                field is not moved.
            words: the row's word for every attribute, or None.
            caption, original: the spatial caption, and the caption that it was made from.
            sample_rate: of the audio, in hertz.
        """
        rotation = self._generator("rotation", generators)

        def draw_rotation() -> float:
            return 0.0 if rotation is None else self.rotation.draw(rotation)

        move = move_row(
            self._move(generators, draw_rotation()),
            draw_rotation,
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
            if (generator := self._generator("misalignment", generators)) is not None:
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
        """The factor of the level, also for rows without space."""
        generator = self._generator("level", generators)
        return 1.0 if generator is None else self.level.gain(generator)

    def _generator(self, name: str, generators: Generators) -> np.random.Generator | None:
        """The generator of a transform if the transform applies to the row, otherwise None."""
        probability = getattr(self, name).probability
        if probability == 0:
            return None
        generator = generators(name)
        return generator if generator.random() < probability else None

    def _move(self, generators: Generators, rotation_deg: float) -> Move:
        return Move(
            sign_x=1 if self._generator("mirror_front_back", generators) is None else -1,
            sign_y=1 if self._generator("mirror_left_right", generators) is None else -1,
            sign_z=1 if self._generator("mirror_up_down", generators) is None else -1,
            rotation_deg=rotation_deg,
        )

    def _recording(self, generators: Generators, sample_rate: int) -> Recording:
        recording = Recording.ideal(generators("noise").integers(1 << 62, size=4))
        for name in RECORDING_DEFECTS:
            if (generator := self._generator(name, generators)) is not None:
                recording = getattr(self, name)(recording, generator, sample_rate)
        return recording


def transform_names() -> list[str]:
    """The names of all transforms, in the order in which sound meets them."""
    return [entry.name for entry in dataclasses.fields(Augmentation) if not entry.name.endswith("_share")]
