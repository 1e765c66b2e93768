"""The section `receiver` of a recipe: what hears the sources, ideal ambisonics, a microphone array or two ears."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import StrictInt, ValidationInfo, field_validator, model_validator

from pipeline.sections.base import Section
from pipeline.sections.own_files import HEAD, head_sha256, name_own_files, reading_of
from transforms.receivers.array_description import array_of_values
from transforms.receivers.array_file import read_array
from transforms.receivers.known_arrays import KNOWN_ARRAYS
from transforms.receivers.settings import HeadFile, ReceiverSettings


class ReceiverSection(Section):
    """What hears the sources. The defaults are ideal ambisonics of the first order, without noise."""

    kind: Literal["ambisonics", "array", "binaural"] = "ambisonics"
    order: StrictInt = 1
    """The ambisonic order of the sound, 1 to 3. Degrees above the first are files of their own."""
    array: str | dict[str, Any] | None = None
    """`tetrahedron`, `zylia` or `em32`, or a YAML file of another array, which the resolved recipe holds itself."""
    head: str | None = None
    """A SOFA file of a head for `binaural`. The resolved recipe holds its name."""
    head_sha256: str | None = None
    """The SHA-256 of this file; the resolved recipe has it."""
    noise_db: float | None = None
    """The self-noise of each capsule, channel or ear: RMS in dB relative to full scale of a sound at 1 m."""
    tolerance_db: float = 0.0
    """The standard deviation of the gains of an array's capsules, in dB."""

    @model_validator(mode="before")
    @classmethod
    def _name_head(cls, values: Any, info: ValidationInfo) -> Any:
        return name_own_files(values, HEAD, info, head_sha256)

    @field_validator("array", mode="before")
    @classmethod
    def _read_array(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or value in KNOWN_ARRAYS:
            return value
        if not reading_of(info).may_read:
            raise ValueError(
                f"none of {', '.join(KNOWN_ARRAYS)}, and the recipe of a release holds any other array itself"
            )
        if not Path(value).exists():
            raise ValueError(f"none of {', '.join(KNOWN_ARRAYS)}, and no such file")
        return read_array(value).plain_values()

    @model_validator(mode="after")
    def _possible(self) -> ReceiverSection:
        self.settings()
        return self

    def settings(self, head_path: str = "") -> ReceiverSettings:
        """The settings of the receiver.

        Args:
            head_path: where the file of the head is; empty if it is not needed.

        Raises:
            ValueError: a value is impossible; the message begins with the name of the key.
        """
        described = array_of_values(self.array) if isinstance(self.array, dict) else self.array
        head = HeadFile(head_path, self.head, self.head_sha256 or "") if self.head is not None else None
        return ReceiverSettings(self.kind, self.order, described, head, self.noise_db, self.tolerance_db)
