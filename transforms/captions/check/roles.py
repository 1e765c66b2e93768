"""Who does what: the words of one sound stay together, and the one who acts is not the one that is acted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from transforms.captions.check.sound_words import FUNCTION_WORDS

# What parts a caption into its sounds; a passive ("is interrupted by") parts who acts from who is acted on.
_LINKS = frozenset(
    ", and but as while whilst when then followed following before after until with over amid amidst alongside by "
    "accompanied interrupted preceded drowned".split()
)


def changes_roles(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where a part of the answer mixes words of two sounds, and one of those sounds is torn apart by it."""
    parts = list(_sounds_apart(before, names))
    times = Counter(name for part in parts for name in part)
    # A part of one word ("humming and clicking of an engine") has no actor of its own that could be mistaken.
    whole = [number for number, part in enumerate(parts) if len(part) > 1]
    sound_of = {name: number for number in whole for name in parts[number] if times[name] == 1}
    sounds_by_part = [{sound_of[name] for name in part if name in sound_of} for part in _sounds_apart(after, names)]
    parts_of_sound: dict[int, set[int]] = {}
    for number, sounds in enumerate(sounds_by_part):
        for sound in sounds:
            parts_of_sound.setdefault(sound, set()).add(number)
    return any(len(sounds) > 1 and any(len(parts_of_sound[one]) > 1 for one in sounds) for sounds in sounds_by_part)


def _sounds_apart(words: Sequence[str], names: Mapping[str, str]) -> Iterator[set[str]]:
    """The names of the words of each part of a text that tells a sound."""
    part: set[str] = set()
    for word in (*words, ","):
        if word in _LINKS:
            if part:
                yield part
            part = set()
        elif word not in FUNCTION_WORDS:
            part.add(names[word])
