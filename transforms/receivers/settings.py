"""What a recipe says about the receiver: ideal ambisonics, a microphone array or two ears, with their noise."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.receivers.array_description import HIGHEST_ORDER, ArrayDescription
from transforms.receivers.known_arrays import KNOWN_ARRAYS

KINDS = ("ambisonics", "array", "binaural")
#: Limits of the self-noise in dB.
LEAST_NOISE_DB, LARGEST_NOISE_DB = -200.0, 0.0
LARGEST_TOLERANCE_DB = 6.0


@dataclass(frozen=True)
class HeadFile:
    """A SOFA file of a head."""

    path: str
    name: str
    """What the recipe calls it."""
    sha256: str
    """Of the file, so that a recipe names one head and no other."""


@dataclass(frozen=True)
class ReceiverSettings:
    """The settings of the receiver; the defaults are ideal ambisonics of the first order without noise.

    Raises:
        ValueError: a value is impossible; the message begins with the name of the setting.
    """

    kind: str = "ambisonics"
    order: int = 1
    """The ambisonic order of what comes out, 1 to 3; a head has none."""
    array: str | ArrayDescription | None = None
    """The name of a known array, or the description of another."""
    head: HeadFile | None = None
    noise_db: float | None = None
    """The self-noise of each capsule, of each channel of ideal ambisonics, or of each ear: RMS in dB relative to full
    scale of a sound at 1 m, before the gain. None for no noise."""
    tolerance_db: float = 0.0
    """The standard deviation of the gains of an array's capsules, in dB."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r}; one of {', '.join(KINDS)}")
        if isinstance(self.order, bool) or not 1 <= self.order <= HIGHEST_ORDER:
            raise ValueError(f"order: {self.order}; from 1 to {HIGHEST_ORDER}")
        self._check_kind()
        if self.noise_db is not None and not LEAST_NOISE_DB <= self.noise_db <= LARGEST_NOISE_DB:
            raise ValueError(f"noise_db: {self.noise_db}; from {LEAST_NOISE_DB:g} to {LARGEST_NOISE_DB:g}, or null")
        if not 0.0 <= self.tolerance_db <= LARGEST_TOLERANCE_DB:
            raise ValueError(f"tolerance_db: {self.tolerance_db}; from 0 to {LARGEST_TOLERANCE_DB:g}")

    def _check_kind(self) -> None:
        if self.kind != "array":
            if self.array is not None:
                raise ValueError(f"array: the kind is {self.kind}; set kind to array, or array to null")
            if self.tolerance_db:
                raise ValueError(f"tolerance_db: {self.tolerance_db}; only an array has capsules that differ")
        if self.kind != "binaural" and self.head is not None:
            raise ValueError(f"head: the kind is {self.kind}; set kind to binaural, or head to null")
        if self.kind == "binaural":
            if self.head is None:
                raise ValueError("head: binaural needs a SOFA file of a head (SimpleFreeFieldHRIR)")
            if self.order != 1:
                raise ValueError(f"order: {self.order}; two ears have no order, leave it at 1")
        if self.kind == "array":
            if isinstance(self.array, str) and self.array not in KNOWN_ARRAYS:
                raise ValueError(f"array: {self.array!r}; one of {', '.join(KNOWN_ARRAYS)}, or a YAML file")
            description = self.array_description
            if description is None:
                raise ValueError(f"array: name one of {', '.join(KNOWN_ARRAYS)}, or a YAML file")
            if self.order > description.order:
                raise ValueError(f"order: {self.order}; the capsules of this array allow {description.order}")

    @property
    def array_description(self) -> ArrayDescription | None:
        """The description of the array; None if the receiver is none."""
        return KNOWN_ARRAYS[self.array] if isinstance(self.array, str) else self.array

    @property
    def channels(self) -> int:
        """How many channels come out."""
        return 2 if self.kind == "binaural" else (self.order + 1) ** 2

    @property
    def channel_names(self) -> str:
        """The first channels by name: `LR` for two ears, else `WYZX`."""
        return "LR" if self.kind == "binaural" else "WYZX"

    @property
    def is_ideal(self) -> bool:
        """Whether responses are those of ideal ambisonics."""
        return self.kind == "ambisonics"

    @property
    def is_default(self) -> bool:
        """Whether the receiver is the one of recipes that do not mention any."""
        return self == ReceiverSettings()


def check_can_move(settings: ReceiverSettings) -> None:
    """Raises ValueError, in one line, if the receiver cannot hear sources that move."""
    if not settings.is_ideal:
        raise ValueError(f"kind: {settings.kind}; sources can move around ideal ambisonics alone")
