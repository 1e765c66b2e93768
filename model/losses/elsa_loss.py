"""The loss: contrastive between audio and text, and regression of direction, distance and floor area.

L = L_CLIP + L_direction + L_distance + L_area (ELSA, section 4.3), and a term of ours on the spatial branch's own
outputs. Samples without space count only in the contrastive term. Samples of several or moving sources have no one
direction or distance, so they count only in the contrastive term and in those of the room.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from model.configuration.training import LossWeights
from model.losses.outputs import Outputs
from model.targets import AREA, DISTANCE, MEASURES, Targets

#: Weight of a spatial branch's first estimate of the direction, relative to its final one.
FIRST_DIRECTION = 0.3
#: Added under the root of a chord, so that the gradient of an exact estimate is finite.
CHORD_FLOOR = 1e-6


def contrastive_loss(audio: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE (ELSA, section 4.3): each pair against all others of the batch, in both directions.

    Args:
        audio, text: (B, embedding_size), unit vectors; row i of both is a pair.
        logit_scale: scalar, the logarithm of one over the temperature.
    """
    logits = logit_scale.exp() * audio @ text.T
    own = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values whose mask is true; zero, with a gradient of zero, if there is none."""
    # Not a product: values that are not finite must not reach the sum.
    kept = torch.where(mask, values, torch.zeros_like(values))
    return kept.sum() / mask.sum().clamp(min=1)


def direction_loss(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """Mean of one minus the cosine of the angle between unit vectors (B, 3), over the rows of the mask (B,)."""
    return masked_mean(1 - (predicted * true).sum(1), mask)


def chord_loss(predicted: Tensor, true: Tensor, mask: Tensor) -> Tensor:
    """Mean straight distance between unit vectors (B, 3), 2 · sin(angle / 2), over the rows of the mask (B,).

    It grows in proportion to the angle, while one minus the cosine grows with its square. So clips that cannot be
    localised dominate less, and the mean angle becomes smaller.
    """
    return masked_mean(((predicted - true).square().sum(1) + CHORD_FLOOR).sqrt(), mask)


def scaled_measures(targets: Targets) -> tuple[Tensor, Tensor]:
    """The measures on the scales of MEASURES, and which of them count; both (B, len(MEASURES))."""
    values = targets.measures
    defined = targets.is_spatial.unsqueeze(1) & torch.isfinite(values)
    # A value that every scale takes, so that masked entries have a gradient of zero.
    safe = torch.where(defined, values, torch.ones_like(values))
    return torch.stack([measure.to_scale(safe[:, i]) for i, measure in enumerate(MEASURES)], dim=1), defined


def branch_loss(outputs: Outputs, targets: Targets) -> dict[str, Tensor]:
    """The loss on the spatial branch's own outputs: ``direction``, by the chord, and ``measures``, by squared errors.

    A first estimate of the direction counts in ``direction`` too.
    """
    scaled, defined = scaled_measures(targets)
    direction = chord_loss(outputs["branch_direction"], targets.direction, targets.has_direction)
    if "branch_first" in outputs:
        first = chord_loss(outputs["branch_first"], targets.direction, targets.has_direction)
        direction = direction + FIRST_DIRECTION * first
    return {
        "direction": direction,
        "measures": masked_mean((outputs["branch_measures"] - scaled).square(), defined),
    }


def elsa_loss(outputs: Outputs, logit_scale: Tensor, targets: Targets, weights: LossWeights) -> dict[str, Tensor]:
    """The loss of a batch.

    Args:
        outputs: named tensors as in ``outputs``.
        logit_scale: scalar, the logarithm of one over the temperature.
        targets: of the clips.
        weights: of the terms.

    Returns:
        ``loss`` and its terms ``contrastive``, ``direction``, ``distance``, ``area`` and ``branch``. A term of weight 0
        is not in the sum and has no gradient.
    """
    columns = [measure.column for measure in MEASURES]
    scaled, defined = scaled_measures(targets)
    distance, area = columns.index(DISTANCE.column), columns.index(AREA.column)
    terms = {
        "contrastive": contrastive_loss(outputs["embedding"], outputs["text"], logit_scale),
        "direction": direction_loss(outputs["direction"], targets.direction, targets.has_direction),
        "distance": masked_mean((outputs["distance"] - scaled[:, distance]).square(), defined[:, distance]),
        "area": masked_mean((outputs["area"] - scaled[:, area]).square(), defined[:, area]),
        "branch": torch.stack(list(branch_loss(outputs, targets).values())).sum(),
    }
    text = outputs["text"]
    total = torch.zeros((), device=text.device, dtype=text.dtype)
    for name, value in terms.items():
        weight = getattr(weights, name)
        if weight > 0:
            total = total + weight * value
        else:
            terms[name] = value.detach()
    return {"loss": total, **terms}
