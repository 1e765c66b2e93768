"""What frozen parts of a model give is a function of their input: it is kept, not computed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.elsa import ElsaModel
from model.text import Tokenizer

#: Captions that are kept at most; with 384 numbers each, 1.5 GB.
CAPTIONS_AT_MOST = 1_000_000
#: A run's file of kept vectors; gone once the training is done.
VIEWS = "views.part"


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
    """What a frozen semantic encoder made of the rows, in a file: so many epochs' crops of each, heard again in turn.

    Each epoch crops a clip at another place, so that nothing could be kept. With ``count`` views the encoder hears a
    row's crops of the first ``count`` epochs; from then on the row takes the vectors of those in turn, while the
    spatial branch hears the crop of its own epoch. The file outlives a kill, and is no part of a finished run.
    """

    def __init__(self, path: Path, rows: int, count: int, size: int) -> None:
        self.path = path
        self.count = count
        shape = (count, rows, size)
        fresh = not path.is_file() or path.stat().st_size != 4 * count * rows * size
        self._vectors = np.memmap(path, dtype=np.float32, mode="w+" if fresh else "r+", shape=shape)
        if fresh:
            self._vectors[:] = np.nan

    def get(self, rows: Sequence[int], epoch: int) -> Tensor | None:
        """(B, size), or none when one of the rows is not there yet."""
        vectors = torch.from_numpy(self._vectors[epoch % self.count, list(rows)])
        return None if vectors.isnan().any() else vectors

    def put(self, rows: Sequence[int], epoch: int, vectors: Tensor) -> Tensor:
        """Keeps the vectors of those rows that are not there yet; gives all of them as they are kept."""
        view = self._vectors[epoch % self.count]
        # What is there stays: after a kill a batch finds what it had left, and rounding would tell them apart.
        for row, vector in zip(rows, vectors.float().cpu().numpy(), strict=True):
            if np.isnan(view[row]).any():
                view[row] = vector
        return torch.from_numpy(view[list(rows)])

    def flush(self) -> None:
        """What is kept, on disk."""
        self._vectors.flush()

    def remove(self) -> None:
        """The file goes."""
        self.path.unlink(missing_ok=True)
