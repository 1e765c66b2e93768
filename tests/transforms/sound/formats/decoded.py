"""Bytes of a file, decoded in this process; or the reason why they are refused, on one line."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from transforms.sound import decoding
from transforms.sound.isolated_decoder import in_memory
from transforms.sound.refusal import ClipRefused


def decode(data: bytes, ending: str = "", max_duration_s: float = 60.0) -> NDArray[np.float32]:
    """The samples of a file; its ending helps to recognise some MP3s."""
    with in_memory(data) as file:
        return decoding.decode_file(file, ending, max_duration_s=max_duration_s)[0]


def refusal(data: bytes, ending: str = "", max_duration_s: float = 60.0) -> ClipRefused:
    """The refusal of a file that cannot be used."""
    with pytest.raises(ClipRefused) as caught:
        decode(data, ending, max_duration_s)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value
