"""What frozen parts of a model give is a function of their input: it is kept, not computed again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.data import Turn
from model.draws import keyed_generator
from model.elsa.network import ElsaModel
from model.encoders.text import Tokenizer

#: Captions that are kept at most; with 384 numbers each, 1.5 GB.
CAPTIONS_AT_MOST = 1_000_000
#: A run's file of kept vectors; gone once the training is done.
VIEWS = "views.part"
#: A run's file of decoded sound, which goes like that one.
DECODED = "sound.part"


def is_frozen(module: nn.Module) -> bool:
    """Whether no weight of a module, which has some, takes a gradient."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


class Captions:
    """Captions to what the text encoder makes of them; where it is frozen each caption is encoded once."""

    def __init__(self, model: ElsaModel, tokenizer: Tokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.frozen = is_frozen(model.text_encoder)
        self._kept: dict[str, Tensor] = {}

    def encode(self, captions: Sequence[str]) -> Tensor:
        """B captions → (B, size of the encoder)."""
        if not self.frozen:
            return self._encode(captions)
        unknown = list(dict.fromkeys(caption for caption in captions if caption not in self._kept))
        if len(self._kept) + len(unknown) > CAPTIONS_AT_MOST:
            self._kept.clear()
            unknown = list(dict.fromkeys(captions))
        # Rounding depends on the company that a caption has in a batch. Alone, its vector depends on nothing else, so
        # that a training that goes on after a kill, which has lost what was kept, gives the same weights.
        alone = self.model.device.type == "cpu"
        with _one_thread(alone):
            for some in [[caption] for caption in unknown] if alone else [unknown] if unknown else []:
                self._kept.update(zip(some, self._encode(some).unbind(0), strict=True))
        return torch.stack([self._kept[caption] for caption in captions])

    def _encode(self, captions: Sequence[str]) -> Tensor:
        tokens = {name: value.to(self.model.device) for name, value in self.tokenizer(captions).items()}
        return self.model.encode_text(**tokens)


@contextmanager
def _one_thread(wanted: bool) -> Iterator[None]:
    """One thread inside the block: a product as small as one caption's takes longer with two."""
    threads = torch.get_num_threads()
    try:
        if wanted:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)


class Views:
    """What a frozen semantic encoder made of the rows, in a file: ``count`` crops of each, before the first epoch.

    View v of a row is what the encoder makes of the row's sample in epoch v. In training a row takes any view of its
    clip, in any of the rooms that the clip is in, drawn anew in every epoch. A vector that always came with the same
    row would name the row, and with it the place: the model would learn its rows by heart and not listen for the room.
    The file outlives a kill, and is no part of a finished run.

    Args:
        clips: of each row, the name of its clip.
        size: of a vector.
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
        fresh = not path.is_file() or path.stat().st_size != 4 * math.prod(shape)
        self._vectors = np.memmap(path, dtype=np.float32, mode="w+" if fresh else "r+", shape=shape)
        if fresh:
            self._vectors[:] = np.nan

    def chosen(self, rows: Sequence[int], epoch: int) -> list[Turn]:
        """The views that rows take in an epoch: a row of the same clip, and the epoch that the view is of."""
        turns = []
        for row in rows:
            draw, same = keyed_generator(self.seed, "view", epoch, row), self._rows_of[self.clips[row]]
            turns.append(Turn(same[int(draw.integers(len(same)))], int(draw.integers(self.count))))
        return turns

    def missing(self, batch_size: int) -> list[list[Turn]]:
        """Batches of what has not been heard.

        After a kill they are those of a hearing without one: rounding depends on the company that a clip has.
        """
        every = [Turn(row, view) for view in range(self.count) for row in range(len(self.clips))]
        batches = [every[first : first + batch_size] for first in range(0, len(every), batch_size)]
        return [turns for turns in batches if np.isnan(self._of(turns)).any()]

    def put(self, turns: Sequence[Turn], vectors: Tensor) -> None:
        """Keeps a batch of ``missing``."""
        self._vectors[[turn.epoch for turn in turns], [turn.row for turn in turns]] = vectors.float().cpu().numpy()

    def get(self, turns: Sequence[Turn]) -> Tensor:
        """(B, size)."""
        return torch.from_numpy(self._of(turns))

    def _of(self, turns: Sequence[Turn]) -> NDArray[np.float32]:
        return self._vectors[[turn.epoch for turn in turns], [turn.row for turn in turns]]

    def flush(self) -> None:
        """What is kept, on disk."""
        self._vectors.flush()
