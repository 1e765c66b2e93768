"""The named tensors over the clips of a batch that the model gives and the losses read.

Losses read a dictionary, because the tensors of all processes are gathered one by one. Its keys are:

- ``embedding``, ``text``: (B, embedding_size), unit vectors of the clips and of their captions;
- ``direction`` (B, 3), ``distance`` (B,), ``area`` (B,): the heads on the embedding;
- ``branch_direction`` (B, 3), ``branch_measures`` (B, len(MEASURES)), and ``branch_first`` (B, 3) if the spatial branch
  has a first estimate: its own outputs;
- ``target_direction``, ``target_measures``, ``target_is_spatial``, ``target_words``: the targets, as floats.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from model.elsa.network import AudioOutput
from model.spatial import SpatialOutput
from model.targets import Targets

Outputs = Mapping[str, Tensor]


def branch_outputs(output: SpatialOutput) -> dict[str, Tensor]:
    """The tensors of a spatial branch that losses read. The features are not among them."""
    tensors = {"branch_direction": output.direction, "branch_measures": output.measures}
    return tensors if output.first is None else {**tensors, "branch_first": output.first}


def audio_outputs(output: AudioOutput, text: Tensor) -> dict[str, Tensor]:
    """The tensors of a model and the embeddings of the captions (B, embedding_size) that losses read."""
    return {
        "embedding": output.embedding,
        "text": text,
        "direction": output.direction,
        "distance": output.distance,
        "area": output.area,
        **branch_outputs(output.spatial),
    }


def target_outputs(targets: Targets) -> dict[str, Tensor]:
    """The targets as floats, since not every backend passes booleans from process to process."""
    return {
        "target_direction": targets.direction,
        "target_measures": targets.measures,
        "target_is_spatial": targets.is_spatial.float(),
        "target_words": targets.words.float(),
    }


def targets_of(outputs: Outputs) -> Targets:
    """The targets out of ``target_outputs``."""
    return Targets(
        direction=outputs["target_direction"],
        measures=outputs["target_measures"],
        is_spatial=outputs["target_is_spatial"] > 0.5,
        words=outputs["target_words"].long(),
    )
