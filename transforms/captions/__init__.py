"""Captions: words for what was measured, writers that rewrite captions with them, and the check of every answer."""
