"""The headers of clips: what can be known of a file's sound before it is decoded."""

from __future__ import annotations

import os
from dataclasses import dataclass

import soundfile

from transforms.records import Clip
from transforms.sound.clip_file import open_clip
from transforms.sound.decoding import HIGHEST_RATE, LONGEST_S, LOWEST_RATE, ClipRefused

#: A file that was written into a pipe does not know its length; libsndfile then reports about 2⁶³ frames.
_UNKNOWN_FRAMES = 2**62
#: The decoder finds the first frame of an MP3 behind tags and junk that hide it from libsndfile.
_FOUND_BY_THE_DECODER = (".mp3", ".mp2", ".mpga")


@dataclass(frozen=True)
class Header:
    """What a header says of a clip; `duration_s` is None where it does not say."""

    duration_s: float | None
    sample_rate: int
    channels: int


def read_header(clip: Clip, *, max_duration_s: float) -> Header | None:
    """Reads the header of a clip's file; None where only the decoder can tell.

    Args:
        clip: the clip; of a tar, the piece that holds it is read.
        max_duration_s: the longest clip that the recipe takes, in seconds.

    Raises:
        ClipRefused: missing, not_a_file, unreadable, empty, sample_rate, too_long, with the reasons that a build gives.
    """
    with open_clip(clip) as descriptor:
        if not os.fstat(descriptor).st_size:
            raise ClipRefused("empty", "the file has no bytes")
        try:
            with soundfile.SoundFile(descriptor, closefd=False) as file:
                frames, rate, channels = file.frames, file.samplerate, file.channels
        except (soundfile.LibsndfileError, RuntimeError, ValueError, OverflowError) as error:
            if os.path.splitext(clip.file_name)[1].lower() in _FOUND_BY_THE_DECODER:
                return None
            message = (getattr(error, "error_string", str(error)).strip().splitlines() or [""])[0]
            raise ClipRefused("unreadable", message or "its header is damaged or breaks off") from error
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ClipRefused("sample_rate", f"{rate} Hz; recordings have {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if frames >= _UNKNOWN_FRAMES:
        return Header(None, rate, channels)
    if frames > min(max_duration_s, LONGEST_S) * rate:
        raise ClipRefused("too_long", f"{frames / rate:.0f} s; the recipe takes {max_duration_s:g} s")
    # A header that promises no samples may be one that was never closed: the decoder tells the two apart.
    return Header(frames / rate if frames else None, rate, channels)
