"""The question to a judge: the caption alone, so that the judge cannot see what is expected of it."""

from __future__ import annotations

from dataclasses import replace

from transforms.records import CaptionRequest
from transforms.words import VOCABULARY, SpatialWords

#: The reasons of the check that a judge may overrule: the check has not understood a phrase, and nothing contradicts.
JUDGED_REASONS = frozenset(
    (*(f"missing_{attribute}" for attribute in VOCABULARY), "content_lost", "content_added"),
)


def judge_request(request: CaptionRequest, caption: str) -> CaptionRequest:
    """The question about a caption for `request`. It holds neither the original nor the words of the row."""
    return replace(request, caption=caption, words=SpatialWords(), seed=0)
