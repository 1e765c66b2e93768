"""Captions of scenes: a template and a check that bind each sound to its own place, motion and time."""

from __future__ import annotations

from transforms.captions.scenes.check import FORM_AND_CONTENT, SCENE_REASONS, check_scene_caption
from transforms.captions.scenes.template import scene_caption

__all__ = ["FORM_AND_CONTENT", "SCENE_REASONS", "check_scene_caption", "scene_caption"]
