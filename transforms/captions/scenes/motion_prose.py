"""The motion of a sound in prose, as a participle that any clause takes: "moving from the left to the front"."""

from __future__ import annotations

from collections.abc import Callable

_ONE_WAY: dict[str, tuple[str, ...]] = {
    "nearer": (
        "coming nearer",
        "coming closer",
        "getting closer",
        "moving toward you",
        "approaching",
        "drawing nearer",
    ),
    "farther": ("moving away", "going farther away", "moving farther away", "receding", "moving off into the distance"),
    "up": ("rising", "moving up", "moving upward", "climbing higher", "ascending"),
    "down": ("sinking", "moving down", "moving downward", "descending"),
}
_VERBS = ("moving", "passing", "going", "travelling", "drifting")
_ENDS: dict[str, tuple[str, ...]] = {
    "front": ("the front", "in front of you"),
    "back": ("the back", "behind you"),
    "left": ("the left", "your left"),
    "right": ("the right", "your right"),
}


def motion_prose(motion: str, draw: Callable[[int], int]) -> str:
    """A participle for a motion such as `left to front` or `nearer`.

    Args:
        draw: takes a number of options and gives the index of one.
    """
    start, to, end = motion.partition(" to ")
    if not to:
        options = _ONE_WAY[motion]
        return options[draw(len(options))]
    verb = _VERBS[draw(len(_VERBS))]
    first, second = (_ENDS[word][draw(len(_ENDS[word]))] for word in (start, end))
    return f"{verb} from {first} to {second}"
