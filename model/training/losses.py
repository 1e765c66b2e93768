"""The loss: contrastive between audio and text, and regression of the place on samples that have one.

L = L_CLIP + L_direction + L_distance + L_area (ELSA, section 4.3), and one term of ours on the spatial branch's own
words. Samples without space have no regression terms.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from model.configuration.training import LossWeights
from model.elsa.network import AudioOutput
from model.spatial import SpatialOutput
from model.targets import AREA, DISTANCE, MEASURES, Targets

#: What a spatial branch's first direction counts for beside the one that it ends with.
FIRST_DIRECTION = 0.3
#: Under the root of a chord, so that its gradient is finite where nothing is wrong.
CHORD_FLOOR = 1e-6


def contrastive_loss(audio: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE (ELSA, section 4.3): pair i against all others of the batch, both ways.

    Args:
        audio, text: (B, embedding_size), unit vectors, row i of one belonging to row i of the other.
        logit_scale: scalar, the logarithm of one over the temperature.
    """
    logits = logit_scale.exp() * audio @ text.T
    own = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values whose mask is true; zero, with gradient zero, when there is none."""
    # where, not a product: a value that is not finite must not reach the sum.
    kept = torch.where(mask, values, torch.zeros_like(values))
    return kept.sum() / mask.sum().clamp(min=1)


def direction_loss(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """One minus the cosine of the angle between unit vectors (B, 3), over the rows of the mask (B,)."""
    return masked_mean(1 - (predicted * true).sum(1), mask)


def chord_loss(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """The straight distance between unit vectors (B, 3), 2 · sin(angle / 2), over the rows of the mask (B,).

    It grows with the angle as such, where one minus the cosine grows with its square: clips that no one can localise
    outweigh the others less, and the mean angle comes out smaller.
    """
    return masked_mean(((predicted - true).square().sum(1) + CHORD_FLOOR).sqrt(), mask)


def scaled_measures(targets: Targets) -> tuple[Tensor, Tensor]:
    """The measures on the scales of MEASURES, and which of them count; (B, len(MEASURES)) both."""
    values = targets.measures
    defined = targets.is_spatial.unsqueeze(1) & torch.isfinite(values)
    # A placeholder that every scale can take, so that the gradient of what is masked is a plain zero.
    safe = torch.where(defined, values, torch.ones_like(values))
    return torch.stack([measure.to_scale(safe[:, i]) for i, measure in enumerate(MEASURES)], dim=1), defined


def branch_loss(said: SpatialOutput, targets: Targets) -> dict[str, Tensor]:
    """What the spatial branch itself says: ``direction``, by the chord, and ``measures``, by squared errors.

    A first direction, where the branch has one, counts too.
    """
    scaled, defined = scaled_measures(targets)
    direction = chord_loss(said.direction, targets.direction, targets.is_spatial)
    if said.first is not None:
        direction = direction + FIRST_DIRECTION * chord_loss(said.first, targets.direction, targets.is_spatial)
    return {
        "direction": direction,
        "measures": masked_mean((said.measures - scaled).square(), defined),
    }


def elsa_loss(
    audio: AudioOutput, text: Tensor, logit_scale: Tensor, targets: Targets, weights: LossWeights
) -> dict[str, Tensor]:
    """The loss of a batch and its terms: ``loss``, ``contrastive``, ``direction``, ``distance``, ``area``, ``branch``.

    A term whose weight is 0 is left out of the sum and still given, without gradient.
    """
    columns = [measure.column for measure in MEASURES]
    scaled, defined = scaled_measures(targets)
    distance, area = columns.index(DISTANCE.column), columns.index(AREA.column)
    terms = {
        "contrastive": contrastive_loss(audio.embedding, text, logit_scale),
        "direction": direction_loss(audio.direction, targets.direction, targets.is_spatial),
        "distance": masked_mean((audio.distance - scaled[:, distance]).square(), defined[:, distance]),
        "area": masked_mean((audio.area - scaled[:, area]).square(), defined[:, area]),
        "branch": torch.stack(list(branch_loss(audio.spatial, targets).values())).sum(),
    }
    total = torch.zeros((), device=text.device, dtype=text.dtype)
    for name, value in terms.items():
        weight = getattr(weights, name)
        if weight > 0:
            total = total + weight * value
        else:
            terms[name] = value.detach()
    return {"loss": total, **terms}
