"""The sounds of a scene as a prompt tells them: a line for each with its place and motion, and one for their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prompts.phrases import one_line, place_phrase

#: The phrase for a motion that no direction tells.
MOTIONS = {"nearer": "comes nearer", "farther": "goes farther away", "up": "rises", "down": "sinks"}

_PLACE = ("direction", "elevation", "distance")
_TO = {"front": "the front", "back": "the back", "left": "the left", "right": "the right"}


def sounds_text(sounds: Sequence[Mapping[str, str]], times: Sequence[tuple[int, int, str]]) -> str:
    """The lines of the slot `{sounds}`.

    Args:
        sounds: each with `caption`, the words of its place, and `motion`, in the order of onset.
        times: pairs of numbers of sounds, from 0, with `while` or `then`.
    """
    lines = [_sound_line(number, sound) for number, sound in enumerate(sounds, 1)]
    told = [_time(earlier + 1, later + 1, word) for earlier, later, word in times]
    if told:
        lines.append(f"Time: {'; '.join(told)}")
    elif len(sounds) > 1:
        lines.append("Time: say nothing of it")
    return "\n".join(lines)


def _sound_line(number: int, sound: Mapping[str, str]) -> str:
    place = place_phrase({name: sound[name] for name in _PLACE if name in sound})
    told = "; ".join(part for part in (place, _motion(sound.get("motion"))) if part)
    return f'Sound {number}: "{one_line(sound["caption"])}"' + (f" ({told})" if told else "")


def _motion(motion: str | None) -> str:
    if motion is None:
        return ""
    start, to, end = motion.partition(" to ")
    return f"moves from {_TO[start]} to {_TO[end]}" if to else MOTIONS[motion]


def _time(earlier: int, later: int, word: str) -> str:
    if word == "then":
        return f"{later} begins after {earlier} has ended"
    return f"{earlier} and {later} sound at the same time"
