"""Numbers of parameters by part of a model, and those of the paper."""

from __future__ import annotations

from torch import nn

from model.elsa.network import ElsaModel

#: The paper's numbers (ELSA, sections 3 and 4), by the parts of ``parameter_counts``.
PAPER = {
    "semantic_branch": "30 M",
    "spatial_branch": "485,828",
    "heads": "3 × about 33 k",
    "all": "158 M",
}


def parameter_counts(model: ElsaModel) -> dict[str, int]:
    """Numbers of parameters by part. ``trained`` counts those with gradients, ``all`` counts all."""
    heads = [model.direction_head, model.distance_head, model.area_head]
    parts: dict[str, list[nn.Module]] = {
        "semantic_branch": [model.semantic_branch],
        "spatial_branch": [model.spatial_branch],
        "fusion": [model.fusion, *([model.presence] if model.presence is not None else [])],
        "text_encoder": [model.text_encoder],
        "text_projection": [model.text_projection],
        "heads": list(heads),
    }
    counts = {name: sum(p.numel() for part in group for p in part.parameters()) for name, group in parts.items()}
    counts["trained"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    counts["all"] = sum(p.numel() for p in model.parameters())
    return counts
