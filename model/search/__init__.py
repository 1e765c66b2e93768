"""Searches a release with a sentence.

python -m model.search RUN --data RELEASE "a dog barking on the left of a large room"
"""

from __future__ import annotations

from model.search.index import Hit, ReleaseIndex

__all__ = ["Hit", "ReleaseIndex"]
