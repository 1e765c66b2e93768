"""The section `audio`: how clips are prepared and written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.sections.base import Positive, Section


class AudioSettings(Section):
    """How a clip is prepared and written."""

    bit_depth: Literal[16, 24] = 16
    level: Literal["fixed", "peak"] = "fixed"
    fixed_gain_db: Annotated[float, Field(le=20, ge=-60)] = -12.0
    """The gain of every clip if the level is fixed, so that the distance stays audible."""
    peak_dbfs: Annotated[float, Field(le=0, ge=-60)] = -1.0
    """The peak of every clip if the level is peak."""
    trim_below_peak_db: Positive = 30.0
    """Frames this far under the loudest one are silence (the paper gives no number)."""
    min_duration_s: Annotated[float, Field(gt=0, le=3_600)] = 4.0
    """A shorter clip is repeated until it is at least this long (ELSA, section 3.2)."""
    max_duration_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """A longer clip is rejected."""
    stems: Literal["none", "wet", "direct", "both"] = "none"
    """The sounds of the single sources of a scene that are written too: with the room, their direct sound, or both."""
