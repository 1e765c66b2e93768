"""The spatial branch: where a sound comes from and what the room does to it, from intensities (ELSA, section 4.1).

One interface, two designs and two to hold them against: ``paper``, ``bin-weighting`` (ours), ``static`` and ``none``.
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
    """The branch that a configuration names."""
    return SPATIAL_BRANCHES[config.spatial_branch](config)
