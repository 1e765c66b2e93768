"""The spatial branch: the direction of a source and measures of the room, from intensities (ELSA, section 4.1).

One interface has two designs, ``paper`` and ``bin-weighting`` (ours), and two controls, ``static`` and ``none``.
"""

from __future__ import annotations

from model.configuration.elsa_config import ElsaConfig
from model.spatial.bin_weighting import BinWeightingSpatialBranch
from model.spatial.controls import NoSpatialBranch, StaticSpatialBranch
from model.spatial.interface import SpatialBranch, SpatialOutput
from model.spatial.paper import PaperSpatialBranch

__all__ = [
    "SPATIAL_BRANCHES",
    "SpatialBranch",
    "SpatialOutput",
    "spatial_branch",
]

SPATIAL_BRANCHES: dict[str, type[SpatialBranch]] = {
    "bin-weighting": BinWeightingSpatialBranch,
    "paper": PaperSpatialBranch,
    "static": StaticSpatialBranch,
    "none": NoSpatialBranch,
}


def spatial_branch(config: ElsaConfig) -> SpatialBranch:
    """Makes the branch that a configuration names."""
    return SPATIAL_BRANCHES[config.spatial_branch](config)
