"""What can be wrong with a release: each message is one line that names the file, the field and the value."""

from __future__ import annotations


class ReleaseUnreadable(ValueError):
    """A release that cannot be used; the message is one line that names the file, the field and the value."""


class SoundUnreadable(ReleaseUnreadable):
    """A sound file that cannot be used, which only shows when its turn comes."""


class WorkersLost(SoundUnreadable):
    """A process that decodes has ended, killed for memory as a rule."""
