"""The question to a judge: the caption alone, so that the judge cannot see what is expected of it."""

from __future__ import annotations

from transforms.records import CaptionRequest
from transforms.words import SpatialWords


def judge_request(request: CaptionRequest, caption: str, prompt: str) -> CaptionRequest:
    """The question about a caption for `request`. It holds neither the original nor the words of the row.

    Args:
        prompt: the id of the judge's prompt.
    """
    return CaptionRequest(request.row_id, request.caption_index, caption, SpatialWords(), 0, prompt)
