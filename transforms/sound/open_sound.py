"""The sound of an open file, read by libsndfile itself."""

from __future__ import annotations

import os
from typing import BinaryIO

import soundfile


def open_sound(file: BinaryIO) -> soundfile.SoundFile:
    """Opens the sound of an open regular file, from its beginning; the file stays open when the sound is closed.

    libsndfile gets the file's descriptor. Given a Python file, it calls back for every 8 KB, and a damaged header that
    sends it before the beginning makes soundfile print a traceback.

    Raises:
        RuntimeError, ValueError, TypeError: it is no sound, or a damaged one.
    """
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    return soundfile.SoundFile(file.fileno(), closefd=False)
