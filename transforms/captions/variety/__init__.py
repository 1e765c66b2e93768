"""How varied captions are: their sentence frames, where the place stands, and what they add to their originals."""

from __future__ import annotations

from transforms.captions.variety.frames import Reading, read_caption
from transforms.captions.variety.measure import Variety, caption_variety, measure_variety
from transforms.captions.variety.sample import CaptionSample

__all__ = ["CaptionSample", "Reading", "Variety", "caption_variety", "measure_variety", "read_caption"]
