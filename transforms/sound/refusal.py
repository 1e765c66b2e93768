"""The exception for a clip that cannot be used."""

from __future__ import annotations


class ClipRefused(ValueError):
    """A clip cannot be used; `reason` is machine-readable, the message is for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
