"""The prepared sounds of clips, of which a worker keeps some: a scene's clips are measured, and rendered later."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from transforms.records import Clip
from transforms.sound.render_rows import RenderSettings, prepare_source

_CACHED_BYTES = 256 << 20


class PreparedSounds:
    """Prepared sounds by their clips; those that were used last are kept, as far as the memory for them goes."""

    def __init__(self, settings: RenderSettings, most_bytes: int = _CACHED_BYTES) -> None:
        self._settings = settings
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Clip, tuple[NDArray[np.float32], str]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, clip: Clip) -> tuple[NDArray[np.float32], str]:
        """The samples of a clip (n,) at 48 kHz, and the SHA-256 of its file.

        Raises:
            ClipRefused: the clip cannot be used.
            DecoderUnavailable: no clip at all can be decoded.
        """
        with self._lock:
            found = self._kept.get(clip)
            if found is not None:
                self._kept.move_to_end(clip)
                return found
        found = prepare_source(clip, self._settings)
        with self._lock:
            if clip not in self._kept:
                self._kept[clip] = found
                self._bytes += found[0].nbytes
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                _, (samples, _) = self._kept.popitem(last=False)
                self._bytes -= samples.nbytes
        return found


@lru_cache(maxsize=2)
def prepared_sounds(settings: RenderSettings) -> PreparedSounds:
    """The sounds that this process keeps for these settings; all stages of a build share them."""
    return PreparedSounds(settings)
