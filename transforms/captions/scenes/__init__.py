"""Captions of scenes: a template and a check that bind each sound to its own place, motion and time."""
