"""The headers of clips: what can be known of a file's sound before it is decoded."""

from __future__ import annotations

import os
from dataclasses import dataclass

from transforms.records import Clip
from transforms.sound import decoding
from transforms.sound.clip_file import open_clip


@dataclass(frozen=True)
class Header:
    """What a file says of its sound; `duration_s` is None where it does not say."""

    duration_s: float | None
    sample_rate: int
    channels: int


def read_header(clip: Clip, *, max_duration_s: float) -> Header:
    """Reads the header of a clip's file, and counts the frames of an MP3.

    Args:
        clip: the clip; of a tar, the piece that holds it is read.
        max_duration_s: the longest clip that the recipe takes, in seconds.

    Raises:
        ClipRefused: with the reason that a build gives, where it can be known without decoding: missing, not_a_file,
            unreadable, empty, truncated, chained, sample_rate, too_long.
    """
    ending = os.path.splitext(clip.file_name)[1]
    with open_clip(clip) as descriptor:
        frames, rate, channels = decoding.read_header(descriptor, ending, max_duration_s=max_duration_s)
    return Header(None if frames is None else frames / rate, rate, channels)
