"""The bytes of a clip's file, wherever its list says that it lies."""

from __future__ import annotations

from transforms import storage
from transforms.records import Clip


def read_clip(clip: Clip) -> bytes:
    """The whole encoded file of a clip.

    Raises:
        OSError: when it cannot be read.
    """
    return storage.read_bytes(clip.path)
