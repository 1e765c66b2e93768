"""The FLAC files that a row states: its own, and those of higher ambisonic degrees beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transforms.bounds.limits import FLAC_HEADER_BYTES
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.decoding import LONGEST_S
from transforms.sound.degree_files import degree_names

#: The channels of a row's own file by what the column `channels` says.
CHANNELS = {"WYZX": 4, "LR": 2}


@dataclass(frozen=True)
class RowFlac:
    """One FLAC file of a row, as the row states it."""

    name: str
    channels: int
    sha256: str
    pcm_sha256: str

    def most_bytes(self, duration_s: float) -> int:
        """The most bytes that it has: samples that do not compress, and something for its headers."""
        return int(min(duration_s, LONGEST_S) * SAMPLE_RATE * self.channels * 4) + FLAC_HEADER_BYTES


def row_flacs(values: Mapping[str, Any]) -> list[RowFlac]:
    """The FLAC files of a usable row with all columns; its own is the first."""
    own = RowFlac(values["file_name"], CHANNELS[values["channels"]], values["sha256"], values["pcm_sha256"])
    columns = (values[name] for name in ("degree_files", "degree_sha256", "degree_pcm_sha256"))
    degrees = enumerate(zip(*columns, strict=True), 2)
    return [own, *(RowFlac(name, 2 * degree + 1, sha256, pcm) for degree, (name, sha256, pcm) in degrees)]


def unusable_flacs(values: Mapping[str, Any]) -> str | None:
    """Why the files that a row states cannot be its own; None if they can, or an older release has no such columns."""
    channels, names = values["channels"], values["degree_files"] or []
    if channels is not None and channels not in CHANNELS:
        return f"channels is {channels[:80]}, none of {', '.join(CHANNELS)}"
    order = len(names) + 1
    if order > 1 and channels == "LR":
        return "degree_files holds files, and two ears have no degrees"
    if order > 3 or names != degree_names(values["file_name"], order):
        return f"degree_files is none of the lists that a row of {values['file_name'][:80]} may have"
    if any(len(values[column] or ()) != len(names) for column in ("degree_sha256", "degree_pcm_sha256")):
        return "degree_files, degree_sha256 and degree_pcm_sha256 are not of one length"
    return None
