"""The error that refuses a clip."""

from __future__ import annotations


class ClipRefused(ValueError):
    """A clip that gives no row; `reason` is machine-readable, the message is for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
