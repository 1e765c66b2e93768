"""The bytes of a clip's file, wherever its list says that it lies."""

from __future__ import annotations

from transforms import storage
from transforms.records import Clip


def read_clip(clip: Clip) -> bytes:
    """The whole encoded file of a clip; of a tar, the piece that holds it and no more.

    Raises:
        OSError: when it cannot be read, or a tar ends before the clip does.
    """
    if clip.offset_bytes is None:
        return storage.read_bytes(clip.path)
    assert clip.size_bytes is not None
    data = storage.read_range(clip.path, clip.offset_bytes, clip.size_bytes)
    if len(data) != clip.size_bytes:
        raise OSError(f"{clip.path} ends within {clip.member}")
    return data
