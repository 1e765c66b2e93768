"""Searches a release with a sentence: the clips whose embeddings are nearest to it.

python -m model.search RUN --data RELEASE "a dog barking on the left of a large room"
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.data import ReleaseDataset, load_batches
from model.elsa import Embedder
from model.errors import one_line
from model.folders import SPLITS, check_splits


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


def main(words: Sequence[str] | None = None) -> int:
    """Prints a line for each hit: likeness, file, caption. Returns 0, or 2 and one line if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m model.search", description="finds clips of a release with a sentence"
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a folder that elsa train has written")
    parser.add_argument("sentence", metavar="SENTENCE")
    parser.add_argument(
        "--data", metavar="RELEASE", action="append", type=Path, required=True, help="a release; may be given again"
    )
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--count", type=int, default=10, help="number of clips, 10 by default")
    arguments = parser.parse_args(words)
    try:
        check_splits(arguments.data, arguments.split)
        embedder = Embedder.from_run(arguments.run_folder, "auto")
        index = ReleaseIndex.of_release(embedder, arguments.data, arguments.split)
    # The errors of releases, sounds and models are one line each.
    except (OSError, ValueError) as error:
        print(f"python -m model.search: {one_line(error)}", file=sys.stderr)
        return 2
    for hit in index.search(embedder, arguments.sentence, arguments.count):
        print(f"{hit.likeness:.3f}  {hit.file}  {hit.caption}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
