"""Reads a part of a real recording as a clip for the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.data import read_foa, to_length
from model.data.sound import sound_length
from model.errors import SoundUnreadable
from model.evaluation.recordings.parts import Part

ACN = "WYZX"
CHANNELS = len(ACN)


def read_part(part: Part, *, sample_rate: int, samples: int, order: str, normalisation: str) -> NDArray[np.float32]:
    """Reads the middle of a part as AmbiX.

    Args:
        part: a part of a recording.
        sample_rate, samples: of the result.
        order: of the recording's channels, such as ``WYZX``.
        normalisation: of the recording's channels, SN3D or N3D.

    Returns:
        (4, samples), W, Y, Z, X in SN3D. A shorter part is padded with zeros at its end.

    Raises:
        SoundUnreadable: the recording cannot be decoded, is too short or does not have four channels.
    """
    label = part.label
    frames, rate = sound_length(part.recording, folder=part.folder, channels=CHANNELS)
    start = round(label.start_s * rate)
    length = min(round(label.end_s * rate), frames) - start
    wanted = min(length, round(samples / sample_rate * rate))
    if wanted < 1:
        raise SoundUnreadable(f"{part.recording}: ends before {label.start_s:g} s, where {label.source} begins")
    foa = read_foa(
        part.recording,
        sample_rate=sample_rate,
        start=start + (length - wanted) // 2,
        frames=wanted,
        folder=part.folder,
    )
    foa = foa[[order.index(channel) for channel in ACN]]
    if normalisation == "N3D":
        foa = foa * np.array([[1.0], [3**-0.5], [3**-0.5], [3**-0.5]], dtype=np.float32)
    return to_length(foa, samples).astype(np.float32)
