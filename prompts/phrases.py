"""The phrases for the words of space in a prompt, and a caption as a prompt holds it."""

from __future__ import annotations

from collections.abc import Mapping

#: The phrase for each word of space in a prompt: attribute → word → phrase. The check reads each of them.
PHRASES: dict[str, dict[str, str]] = {
    "direction": {"front": "in front", "left": "on the left", "right": "on the right", "back": "at the back"},
    "elevation": {"up": "up above", "down": "down below"},
    "distance": {"near": "near", "far": "far off"},
    "room_size": {"small": "small", "large": "large"},
    "reverberation": {"dampened": "acoustically dampened", "reverberant": "highly reverberant"},
}


def place_phrase(words: Mapping[str, str]) -> str:
    """The place in prose, `near, up above, on the left, in a small, highly reverberant room`; empty without a word."""
    phrases = {attribute: PHRASES[attribute][word] for attribute, word in words.items()}
    parts = [phrases[attribute] for attribute in ("distance", "elevation", "direction") if attribute in phrases]
    room = [phrases[attribute] for attribute in ("room_size", "reverberation") if attribute in phrases]
    if room:
        parts.append(f"in {_article(room[0])} {', '.join(room)} room")
    return ", ".join(parts)


def one_line(caption: str) -> str:
    """The caption on one line, with single quotes, because the prompts put it between double quotes."""
    # A lone surrogate cannot be sent.
    whole = caption.encode("utf-8", "replace").decode()
    return " ".join(whole.replace('"', "'").split())


def _article(following: str) -> str:
    return "an" if following[0] in "aeiou" else "a"
