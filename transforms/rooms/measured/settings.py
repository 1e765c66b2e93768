"""The ambisonic conventions that a recipe states for measured responses."""

from __future__ import annotations

from dataclasses import dataclass

CHANNELS = ("acn", "fuma")
NORMALISATIONS = ("sn3d", "n3d", "fuma")


@dataclass(frozen=True)
class Conventions:
    """What the recipe says of the files; None leaves it to the file, and else to the usual (see `resolved`)."""

    channels: str | None = None
    """The order of the channels: `acn` (W, Y, Z, X) or `fuma` (W, X, Y, Z)."""
    normalisation: str | None = None
    """`sn3d`, `n3d` or `fuma`."""

    def __post_init__(self) -> None:
        if self.channels not in (None, *CHANNELS):
            raise ValueError(f"channels {self.channels!r} is none of {', '.join(CHANNELS)}")
        if self.normalisation not in (None, *NORMALISATIONS):
            raise ValueError(f"normalisation {self.normalisation!r} is none of {', '.join(NORMALISATIONS)}")

    def resolved(self, of_file: Conventions) -> Conventions:
        """These conventions, completed by those of a file, and then by the usual.

        The usual order is ACN. The usual normalisation is SN3D, and FuMa's own where the order is FuMa's.
        """
        channels = self.channels or of_file.channels or "acn"
        normalisation = self.normalisation or of_file.normalisation or ("fuma" if channels == "fuma" else "sn3d")
        return Conventions(channels, normalisation)
