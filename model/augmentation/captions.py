"""Rewords a caption when its sound is moved: exchanges one phrase if that is safe, else makes a new sentence.

A spatial caption is a caption of a sound to which a writer has added words of space. Exchanging a phrase is safe only
if the original caption has no word of space, and the spatial caption has exactly one phrase from a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

Words = Mapping[str, "str | None"]

# Every token that may describe an attribute. The lists are long, because a caption with an unknown use of a token must
# stay as it is.
_DIRECTION_TOKENS = {
    "left": ("left", "leftward", "leftwards", "leftmost"),
    "right": ("right", "rightward", "rightwards", "rightmost"),
    "front": ("front", "ahead", "forward", "forwards", "frontal", "facing"),
    "back": ("back", "behind", "rear", "backward", "backwards", "background"),
}
_ELEVATION_TOKENS = {
    "up": (
        *("up", "above", "overhead", "high", "higher", "upper", "upward", "upwards", "top", "elevated", "aloft"),
        *("ceiling", "sky", "over", "upstairs", "raised"),
    ),
    "down": (
        *("down", "below", "low", "lower", "downward", "downwards", "bottom", "beneath", "underneath", "under"),
        *("floor", "ground", "underground", "downstairs", "basement"),
    ),
}
_TOKENS = {"direction": _DIRECTION_TOKENS, "elevation": _ELEVATION_TOKENS}
_FAMILY = {
    attribute: re.compile(
        r"\b(?:" + "|".join(token for tokens in table.values() for token in tokens) + r")\b", re.IGNORECASE
    )
    for attribute, table in _TOKENS.items()
}
_OTHER_SPATIAL = re.compile(
    r"\b(?:near|nearby|close|closer|closely|far|farther|further|away|distant|distance|afar|side|beside|opposite|"
    r"around|corner|room|across)\b",
    re.IGNORECASE,
)

_END = r"(?=\s*(?:$|[.,;:!?])|\s+in\s+an?\b)"
_OF_A_ROOM = r"(?=\s+of\s+(?:an?|the)(?:\s+[\w-]+,?){0,6}\s+(?:room|space)\b)"
_BEFORE_A_SIDE = r"(?=\s+(?:on|to|at|in|from)\s+the\s+(?:left|right|front|back)\b|\s+in\s+front\b|\s+behind\s+the\b)"


def _mirrored(*shapes: str, words: tuple[str, str]) -> dict[str, tuple[str, ...]]:
    return {word: tuple(shape.format(word) for shape in shapes) for word in words}


# Phrases of one group can replace one another in any sentence: attribute → (word → phrases, what may follow).
_EXCHANGES: dict[str, tuple[tuple[dict[str, tuple[str, ...]], str], ...]] = {
    "direction": (
        (
            {
                "front": ("in front", "at the front"),
                "left": ("on the left side", "on the left", "to the left"),
                "right": ("on the right side", "on the right", "to the right"),
                "back": ("behind the listener", "at the back", "in the back"),
            },
            _END,
        ),
        (
            {word: (f"from the {word}",) for word in ("front", "left", "right", "back")},
            rf"(?:{_END}|{_OF_A_ROOM})",
        ),
        (
            {
                "front": ("at the front",),
                "left": ("on the left",),
                "right": ("on the right",),
                "back": ("at the back",),
            },
            _OF_A_ROOM,
        ),
        (
            _mirrored("upper {}", "lower {}", "far {}", "the {} side", "the {}", words=("left", "right")),
            rf"(?:{_END}|{_OF_A_ROOM})",
        ),
    ),
    "elevation": (
        (
            {
                "up": ("high up", "up above", "up high", "overhead", "above"),
                "down": ("down below", "low down", "below"),
            },
            rf"(?:{_END}|{_BEFORE_A_SIDE})",
        ),
        (
            {
                "up": ("upper left", "upper right", "upper front", "upper back"),
                "down": ("lower left", "lower right", "lower front", "lower back"),
            },
            rf"(?:{_END}|{_OF_A_ROOM})",
        ),
    ),
}
# Groups whose phrases are exchanged by their index in the list, so that "upper left" stays upper.
_ONE_FOR_ONE = {("direction", 3), ("elevation", 1)}

#: Phrases for a word in our own sentences: attribute → word → phrases. Those of rooms are adjectives.
PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "distance": {"near": ("nearby", "close by"), "far": ("far away", "far off", "in the distance")},
    "elevation": {"up": ("up above", "high up", "overhead"), "down": ("down below", "low down", "below")},
    "direction": {
        "front": ("in front", "at the front"),
        "left": ("on the left", "to the left"),
        "right": ("on the right", "to the right"),
        "back": ("at the back", "in the back", "behind the listener"),
    },
    "room_size": {"small": ("small",), "large": ("large",)},
    "reverberation": {
        "dampened": ("acoustically dampened", "dampened"),
        "reverberant": ("highly reverberant", "reverberant"),
    },
}
_PATTERNS = ("{original}, {space}.", "{original}, heard {space}.", "Heard {space}: {original}.", "{Space}: {original}.")
# For originals that have quotes or several sentences.
_SPACE_FIRST = _PATTERNS[2:]
# In a caption this long, the words of space come first, so that a text encoder that cuts its input still reads them.
_LONG_WORDS = 40


def reword_caption(
    caption: str,
    original: str,
    old: Words,
    new: Words,
    generator: np.random.Generator,
    *,
    sentences: bool = True,
) -> str | None:
    """Makes a caption for a sound that has been moved.

    Args:
        caption: a spatial caption of the sound before the move.
        original: the caption without words of space that it was made from.
        old, new: every attribute with its word or None, before and after. Only direction and elevation may differ.
        generator: chooses the phrases.
        sentences: whether to make a new sentence if no phrase can be exchanged.

    Returns:
        A true caption, which is ``caption`` itself if no word has changed; None if none can be made.
    """
    changed = [attribute for attribute in _EXCHANGES if old[attribute] != new[attribute]]
    if not changed:
        return caption
    if any(family.search(original) for family in _FAMILY.values()):
        return None
    text: str | None = caption
    for attribute in changed:
        before, after = old[attribute], new[attribute]
        if text is not None:
            text = None if before is None or after is None else _exchange(text, attribute, before, after, generator)
    if text is not None and not _OTHER_SPATIAL.search(original):
        return text
    return _new_sentence(original, new, generator) if sentences else None


def _exchange(text: str, attribute: str, old: str, new: str, generator: np.random.Generator) -> str | None:
    """Replaces the only phrase of the old word by a phrase of the new one; None if the text is not that simple."""
    for index, (phrases, follow) in enumerate(_EXCHANGES[attribute]):
        if old not in phrases or new not in phrases:
            continue
        longest_first = sorted(phrases[old], key=len, reverse=True)
        pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b" + follow, re.IGNORECASE)
        matches = list(pattern.finditer(text))
        if len(matches) != 1:
            continue
        match = matches[0]
        rest = f"{text[: match.start()]} {text[match.end() :]}"
        if _FAMILY[attribute].search(rest):
            return None
        if (attribute, index) in _ONE_FOR_ONE:
            phrase = phrases[new][phrases[old].index(match[0].lower())]
        else:
            phrase = phrases[new][int(generator.integers(len(phrases[new])))]
        if match[0][:1].isupper():
            phrase = phrase[:1].upper() + phrase[1:]
        return f"{text[: match.start()]}{phrase}{text[match.end() :]}"
    return None


def _new_sentence(original: str, words: Words, generator: np.random.Generator) -> str | None:
    """A sentence with the original caption and every word; None if the original has words of space itself."""
    text = " ".join(original.split()).rstrip(".,;: ")
    if not text or _OTHER_SPATIAL.search(text):
        return None
    space = _describe_space(words, generator)
    patterns = _SPACE_FIRST if re.search(r"[.?!\"“”]", text) or len(text.split()) > _LONG_WORDS else _PATTERNS
    if not space:
        return f"{text}."
    pattern = patterns[int(generator.integers(len(patterns)))]
    sentence = pattern.format(original=text, space=space, Space=space[:1].upper() + space[1:])
    return sentence.replace("?.", "?").replace("!.", "!")


def _describe_space(words: Words, generator: np.random.Generator) -> str:
    def pick(attribute: str) -> str:
        word = words[attribute]
        if word is None:
            return ""
        phrases = PHRASES[attribute][word]
        return phrases[int(generator.integers(len(phrases)))]

    direction = " ".join(part for part in (pick("elevation"), pick("direction")) if part)
    kind = ", ".join(part for part in (pick("room_size"), pick("reverberation")) if part)
    room = f"in {'an' if kind[0] in 'aeiou' else 'a'} {kind} room" if kind else ""
    return ", ".join(part for part in (pick("distance"), direction, room) if part)
