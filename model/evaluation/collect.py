"""What every evaluation needs of a release, made once: embeddings, directions, and the rows they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.data import VOCABULARY, ReleaseDataset, load_batches
from model.embedding import Embedder
from model.evaluation.closed_form import CLOSED_FORMS
from model.spatial import DISTANCE


@dataclass(frozen=True)
class Collected:
    """A split as a model sees it; n rows, E numbers an embedding.

    Attributes:
        ids, source_ids: n strings.
        augmentation: (n,); 0 is the set without repeats.
        captions, captions_original: n lists.
        words: attribute → n words or None.
        audio: (n, E), unit vectors.
        audio_without_space: (n, E), of W copied to four channels.
        direction: (n, 3), true unit vectors x, y, z.
        distance_m: (n,), true.
        predicted_direction: method → (n, 3): ``branch``, ``head`` and the closed forms.
        predicted_distance_m: (n,), of the head on the embedding.
    """

    ids: list[str]
    source_ids: list[str]
    augmentation: NDArray[np.int64]
    captions: list[list[str]]
    captions_original: list[list[str]]
    words: dict[str, list[str | None]]
    audio: NDArray[np.float32]
    audio_without_space: NDArray[np.float32]
    direction: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    predicted_direction: dict[str, NDArray[np.float64]]
    predicted_distance_m: NDArray[np.float64]


@torch.inference_mode()
def collect(embedder: Embedder, dataset: ReleaseDataset, *, batch_size: int = 16, workers: int = 0) -> Collected:
    """Runs a model over the rows of a split, each cropped at its middle.

    Raises:
        SoundUnreadable: a file that cannot be used.
    """
    model = embedder.model
    config = model.config
    audio, mono, distance = [], [], []
    directions: dict[str, list[torch.Tensor]] = {"branch": [], "head": []}
    for batch in load_batches(dataset, range(len(dataset)), batch_size=batch_size, workers=workers):
        foa = batch.audio.to(model.device)
        out = model.encode_audio(foa)
        audio.append(out.embedding)
        mono.append(model.get_audio_features(foa[:, :1].expand(-1, 4, -1)))
        distance.append(DISTANCE.from_scale(out.distance))
        directions["branch"].append(out.spatial.direction)
        directions["head"].append(out.direction)
        quantities = model.spectra(foa)
        for name, method in CLOSED_FORMS.items():
            found = method(quantities, sample_rate=config.sample_rate, n_fft=config.n_fft)
            directions.setdefault(name, []).append(found)
    return Collected(
        ids=dataset.values("id"),
        source_ids=dataset.values("source_id"),
        augmentation=dataset.numbers("augmentation").astype(np.int64),
        captions=dataset.values("captions"),
        captions_original=dataset.values("captions_original"),
        words={attribute: dataset.values(attribute) for attribute in VOCABULARY},
        audio=torch.cat(audio).cpu().numpy(),
        audio_without_space=torch.cat(mono).cpu().numpy(),
        direction=dataset.directions(),
        distance_m=dataset.numbers("distance_m"),
        predicted_direction={name: torch.cat(found).cpu().double().numpy() for name, found in directions.items()},
        predicted_distance_m=torch.cat(distance).cpu().double().numpy(),
    )
