"""Finds words of space in captions, with the tables of the augmentation."""

from __future__ import annotations

from model.augmentation.captions import _FAMILY, _TOKENS


def words_in_caption(caption: str, attribute: str) -> list[str]:
    """The words of ``direction`` or ``elevation`` that a caption may contain, one entry for each token."""
    found = (match[0].lower() for match in _FAMILY[attribute].finditer(caption))
    return [word for token in found for word, tokens in _TOKENS[attribute].items() if token in tokens]
