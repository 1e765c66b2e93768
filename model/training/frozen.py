"""Stores the outputs of frozen encoders, which depend only on their input, so that they are computed once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.data import Turn
from model.devices import one_thread
from model.draws import keyed_generator
from model.elsa.network import ElsaModel
from model.encoders.text import Tokenizer
from model.files import create, has_size, open_to_change

#: Most captions that are stored: 1.5 GB with 384 numbers each.
MOST_CAPTIONS = 1_000_000
#: File of a run with the vectors of a semantic encoder. It is removed when the training has finished.
VIEWS = "views.part"
#: File of a run with decoded sound. It is removed like the other.
DECODED = "sound.part"


def is_frozen(module: nn.Module) -> bool:
    """Whether a module has weights and none of them takes a gradient."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


class Captions:
    """Encodes captions. If the text encoder is frozen, each caption is encoded once and stored."""

    def __init__(self, model: ElsaModel, tokenizer: Tokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.frozen = is_frozen(model.text_encoder)
        self._stored: dict[str, Tensor] = {}

    def encode(self, captions: Sequence[str]) -> Tensor:
        """Encodes B captions: (B, size of the encoder)."""
        if not self.frozen:
            return self._encode(captions)
        unknown = list(dict.fromkeys(caption for caption in captions if caption not in self._stored))
        if len(self._stored) + len(unknown) > MOST_CAPTIONS:
            self._stored.clear()
            unknown = list(dict.fromkeys(captions))
        # Rounding depends on the other captions of a batch. A caption that is encoded alone always has the same vector.
        # So a training that continues after a kill, which has lost the stored captions, gives the same weights.
        alone = self.model.device.type == "cpu"
        with one_thread(alone):
            for group in [[caption] for caption in unknown] if alone else [unknown] if unknown else []:
                self._stored.update(zip(group, self._encode(group).unbind(0), strict=True))
        return torch.stack([self._stored[caption] for caption in captions])

    def _encode(self, captions: Sequence[str]) -> Tensor:
        tokens = {name: value.to(self.model.device) for name, value in self.tokenizer(captions).items()}
        return self.model.encode_text(**tokens)


class Views:
    """A file with the outputs of a frozen semantic encoder, ``count`` views of each row, made before the first epoch.

    View v of a row is the output for the row's sample in epoch v. In training, a row uses any view of its clip, in any
    room that the clip is in, drawn again in every epoch. A vector that always came with the same row would identify the
    row, and so its position: the model would memorise its rows instead of listening. The file remains after a kill. A
    finished run does not need it.

    Args:
        path: the file.
        clips: name of the clip of each row.
        count: views of each row.
        size: of a vector.
        seed: of the draws.
    """

    def __init__(self, path: Path, clips: Sequence[str], count: int, size: int, seed: int) -> None:
        self.path = path
        self.count = count
        self.seed = seed
        self.clips = clips
        self._rows_of: dict[str, list[int]] = {}
        for row, clip in enumerate(clips):
            self._rows_of.setdefault(clip, []).append(row)
        shape = (count, len(clips), size)
        folder, name = path.parent, path.name
        fresh = not has_size(folder, name, 4 * math.prod(shape))
        with create(folder, name) if fresh else open_to_change(folder, name) as file:
            self._vectors: Any = np.memmap(file, dtype=np.float32, mode="w+" if fresh else "r+", shape=shape)
        if fresh:
            self._vectors[:] = np.nan

    def choose(self, rows: Sequence[int], epoch: int) -> list[Turn]:
        """Draws a view for each row in an epoch: a row of the same clip, and the epoch of the view."""
        turns = []
        for row in rows:
            draw, same = keyed_generator(self.seed, "view", epoch, row), self._rows_of[self.clips[row]]
            turns.append(Turn(same[int(draw.integers(len(same)))], int(draw.integers(self.count))))
        return turns

    def missing(self, batch_size: int) -> list[list[Turn]]:
        """The batches of views that are not stored yet.

        After a kill, the batches are the same as without it, because rounding depends on the other clips of a batch.
        """
        every = [Turn(row, view) for view in range(self.count) for row in range(len(self.clips))]
        batches = [every[first : first + batch_size] for first in range(0, len(every), batch_size)]
        return [turns for turns in batches if np.isnan(self._of(turns)).any()]

    def put(self, turns: Sequence[Turn], vectors: Tensor) -> None:
        """Stores the vectors (B, size) of a batch of ``missing``."""
        self._vectors[[turn.epoch for turn in turns], [turn.row for turn in turns]] = vectors.float().cpu().numpy()

    def get(self, turns: Sequence[Turn]) -> Tensor:
        """The vectors of views: (B, size)."""
        return torch.from_numpy(self._of(turns))

    def _of(self, turns: Sequence[Turn]) -> NDArray[np.float32]:
        return self._vectors[[turn.epoch for turn in turns], [turn.row for turn in turns]]

    def flush(self) -> None:
        """Writes the vectors to the disk."""
        self._vectors.flush()
