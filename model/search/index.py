"""An index of a release: finds the clips whose embeddings are nearest to a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.data import ReleaseDataset, load_batches
from model.elsa import Embedder


@dataclass(frozen=True)
class Hit:
    """A clip that was found: id, file and first caption of its row, and its likeness, the cosine to the sentence."""

    id: str
    file: Path
    caption: str
    likeness: float


@dataclass(frozen=True)
class ReleaseIndex:
    """The embeddings of a release's clips, unit vectors (n, E), with the fields of a hit for each.

    ::

        elsa = Embedder.from_run("RUN")
        index = ReleaseIndex.of_release(elsa, ["RELEASE"])
        hits = index.search(elsa, "a dog barking on the left of a large room")
    """

    vectors: NDArray[np.float32]
    ids: list[str]
    files: list[Path]
    captions: list[str]

    @classmethod
    @torch.inference_mode()
    def of_release(
        cls,
        embedder: Embedder,
        releases: Sequence[Path | str],
        split: str = "test",
        *,
        batch_size: int = 16,
        workers: int = 0,
    ) -> ReleaseIndex:
        """Embeds the rows of a split, each cropped at its middle.

        Raises:
            ReleaseUnreadable: a release, or one of its sounds, cannot be used.
        """
        config = embedder.model.config
        dataset = ReleaseDataset(releases, split, sample_rate=config.sample_rate, clip_s=config.clip_s)
        batches = load_batches(dataset, range(len(dataset)), batch_size=batch_size, workers=workers)
        vectors = [embedder.model.get_audio_features(batch.to(embedder.model.device).audio) for batch in batches]
        return cls(
            vectors=torch.cat(vectors).float().cpu().numpy(),
            ids=dataset.values("id"),
            files=[dataset.path(row) for row in range(len(dataset))],
            captions=[captions[0] for captions in dataset.values("captions")],
        )

    def search(self, embedder: Embedder, sentence: str, count: int = 10) -> list[Hit]:
        """The ``count`` clips of the highest likeness, in falling order. Equal ones are in the order of their ids."""
        likeness = self.vectors.astype(np.float64) @ embedder.text([sentence])[0].astype(np.float64)
        order = sorted(range(len(self.ids)), key=lambda row: (-likeness[row], self.ids[row]))[:count]
        return [Hit(self.ids[row], self.files[row], self.captions[row], float(likeness[row])) for row in order]
