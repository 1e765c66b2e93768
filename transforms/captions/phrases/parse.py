"""Find the phrases of place in a text: what each says, relative to whom, and whether it is denied."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from transforms.captions.lexicon.verbs import VERBS_WITH_S
from transforms.captions.phrases.found import FREE, NO_OBJECT, ROOM, SPOT, Found
from transforms.captions.phrases.grammar import Phrase, Said, place_grammar
from transforms.captions.phrases.notation import first_words, parse, pattern
from transforms.captions.phrases.room_words import ABSORBS, ANY_SOUND, DULL, ECHOES, OF_ROOMS, OWNERS, QUIETS
from transforms.captions.phrases.rooms import RoomReader

_LINKS = frozenset(", and or but as while whilst when then with is are was were from somewhere".split())
_NEAR, _FAR, _RIGHT = ("distance", "near"), ("distance", "far"), ("direction", "right")
# Degrees of a side or a height, which are distances too: "just behind you", "well above you".
_DEGREES: dict[str, Said] = {
    **dict.fromkeys(("close", "just", "immediately"), _NEAR),
    **dict.fromkeys(("far", "way", "well", "deep"), _FAR),
}
# What a word inside a phrase says of its own.
_INNER: dict[str, Said] = {
    **dict.fromkeys(("far", "distant"), _FAR),
    **dict.fromkeys(("near", "close", "nearby"), _NEAR),
    **dict.fromkeys(("upper", "high", "up"), ("elevation", "up")),
    **dict.fromkeys(("lower", "low", "down"), ("elevation", "down")),
    "front": ("direction", "front"),
    **dict.fromkeys(("back", "rear"), ("direction", "back")),
}
_ECHO = ("reverberation", "reverberant")
_NOTHING = frozenset("nothing none no never not".split())
# Longer texts are no captions, and are not kept.
_LONGEST_KEPT_CHARS = 2000
_STOPS = NO_OBJECT - {"of"}
_LITTLE_WORDS = frozenset(
    "the its their of with in by from as that which where so and a an it them this every each all any".split()
)
_SCENES = frozenset("scene stage recording soundscape image field mix picture soundstage".split())


@dataclass(frozen=True)
class _Compiled:
    phrase: Phrase
    kind: str
    regex: re.Pattern[str]


def find_phrases(canonical: str) -> list[Found]:
    """The phrases of place in canonical text, in order; no two share a word. Takes time linear in the text."""
    if len(canonical) > _LONGEST_KEPT_CHARS:
        return _Scan(canonical.split()).phrases()
    return list(_known_phrases(canonical))


@lru_cache(maxsize=64)
def _known_phrases(canonical: str) -> tuple[Found, ...]:
    """The same, kept: one check of a caption asks for the phrases of the same text several times."""
    return tuple(_Scan(canonical.split()).phrases())


def without_phrases(canonical: str, phrases: Sequence[Found], kept: Container[str] = ()) -> str:
    """The text with a comma in place of each phrase that is said of the listener.

    Args:
        canonical: the text in which the phrases were found.
        phrases: all of its phrases.
        kept: words that stay beside a phrase of a room. Other words that speak of rooms go with it, as in "in a room
            whose bare walls …".
    """
    words = canonical.split()
    taken = [found for found in phrases if not found.of_another]
    for found in taken:
        for position in range(found.start, found.end):
            # The original's own "muffled" stays with its sound.
            of_sound = found.kind == FREE and words[position] in DULL and words[position] in kept
            if position not in found.keeps and not of_sound:
                words[position] = ","
    for first, second in itertools.pairwise(taken):
        # "Low down and right behind you" is one place.
        if set(words[first.end : second.start]) <= {",", "and", "but", "yet"}:
            words[first.end : second.start] = ["," for _ in range(second.start - first.end)]
    for found in taken:
        if found.kind != SPOT:
            for step, beside in ((-1, found.start - 1), (1, found.end)):
                run: list[int] = []
                position = beside
                while 0 <= position < len(words) and words[position] in OF_ROOMS and words[position] not in kept:
                    if step > 0 and words[position] == "as":
                        break
                    run.append(position)
                    position += step
                # "As a" in "in an echoing room as a machine rumbles" belongs to the machine.
                while run and words[run[-1]] in _LITTLE_WORDS:
                    run.pop()
                for position in run:
                    words[position] = ","
    return f", {re.sub(r'(?: ,)+', ' ,', ' '.join(words).strip(' ,'))} ,"


class _Scan:
    """One text in which phrases are looked for."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.text = "".join(f"{word} " for word in words)
        self.starts: list[int] = []
        offset = 0
        for word in words:
            self.starts.append(offset)
            offset += len(word) + 1
        self.starts.append(offset)
        self.index = {offset: position for position, offset in enumerate(self.starts)}
        self.rooms = RoomReader(words)
        self.candidates: list[list[Found]] = [[] for _ in range(len(words) + 2)]

    def phrases(self) -> list[Found]:
        # From the end, as a phrase may depend on what follows it.
        for position in reversed(range(len(self.words))):
            self.candidates[position] = sorted(self._spots_at(position), key=_preference)
        found: list[Found] = []
        position = 0
        while position < len(self.words):
            phrase = self._best_at(position, found[-1] if found else None)
            if phrase is None:
                position += 1
            else:
                found.append(self._with_denial(phrase))
                position = phrase.end
        return found

    def word(self, position: int) -> str:
        return self.rooms.word(position)

    def _best_at(self, position: int, last: Found | None) -> Found | None:
        options = [*self.candidates[position], *self._free_at(position)]
        clause = self.rooms.clause_at(position, last)
        if clause is not None:
            options.append(clause)
        room = self.rooms.room_at(position)
        if room is not None and last is not None and last.kind == SPOT and last.end == position and not last.of_another:
            # "At the far end of a small room", "across a small room".
            room = replace(room, of_another=False, firm=True)
        if room is not None:
            options.append(room)
        for found in sorted(options, key=_preference):
            if self._fits_after(found, last):
                return found
        return None

    def _fits_after(self, found: Found, last: Found | None) -> bool:
        if not found.after:
            return True
        if found.after == "room":
            between = set(self.words[last.end : found.start]) if last is not None else {""}
            return last is not None and last.kind != SPOT and between <= {",", "and"}
        behind_spot = last is not None and last.kind == SPOT and last.end == found.start
        return behind_spot or (found.after == "stop" and self.word(found.start - 1) in _LINKS)

    def _spots_at(self, position: int) -> Iterator[Found]:
        for compiled in _grammar().get(self.words[position], ()):
            if compiled.kind != SPOT:
                continue
            match = compiled.regex.match(self.text, self.starts[position])
            if match is None or match.end() == match.start():
                continue
            end = self.index[match.end()]
            found = self._spot(compiled.phrase, position, end)
            if found is not None:
                yield found

    def _spot(self, phrase: Phrase, start: int, end: int) -> Found | None:
        following = self.word(end)
        if phrase.before == "spot" and not self._spot_follows(end):
            return None
        if phrase.before == "stop" and following not in _STOPS and not self.candidates[end]:
            return None
        if phrase.before == "comma" and following not in (",", "and", "but"):
            return None
        if phrase.before == "room" and self.rooms.noun_at(end) is None:
            return None
        inner = [_INNER[word] for word in self.words[start:end] if phrase.inner and word in _INNER]
        says = (*phrase.says, *inner)
        weakly = phrase.weakly
        if says and all(attribute != "distance" for attribute, _ in says):
            # "Just as high", "down there as well".
            compared = {"as"} & set(self.words[start:end])
            degrees = [said for word, said in _DEGREES.items() if word in self.words[start:end] and not compared]
            says = (*says, *degrees[:1])
            if "right" in self.words[start:end] and _RIGHT not in says and not degrees:
                # "Right behind you" may be near, or just behind and nothing else.
                weakly = (*weakly, _NEAR)
        found = Found(start, end, SPOT, says, weakly, after=phrase.after)
        if phrase.preposition:
            return replace(found, of_another=not self._is_said_of_the_listener(end))
        if following == "of" and phrase.says and phrase.before != "room":
            return self._with_owner(found)
        return found

    def _spot_follows(self, end: int) -> bool:
        return any(not found.of_another for found in self.candidates[end])

    def _is_said_of_the_listener(self, end: int) -> bool:
        word = self.word(end)
        return (word in NO_OBJECT and word != "of") or bool(self.candidates[end]) or word in VERBS_WITH_S

    def _with_owner(self, found: Found) -> Found:
        """The phrase with "of you", or marked as another's: "on the left of the man"."""
        match = _listener().match(self.text, self.starts[found.end + 1])
        if match is not None:
            return replace(found, end=self.index[match.end()])
        if self.rooms.noun_at(found.end + 1) is not None or self.word(found.end + 2) in _SCENES:
            return found
        return replace(found, of_another=True)

    def _free_at(self, position: int) -> Iterator[Found]:
        for compiled in _grammar().get(self.words[position], ()):
            if compiled.kind == FREE:
                match = compiled.regex.match(self.text, self.starts[position])
                if match is None or match.end() == match.start():
                    continue
                phrase, end = compiled.phrase, self.index[match.end()]
                if phrase.before == "comma" and self.word(end) not in (",", "and", "but"):
                    continue
                if _ECHO in phrase.says and _NOTHING & set(self.words[position:end]):
                    # "And nothing rings back off the walls".
                    continue
                if phrase.before == "room" and (self.word(end) in ("in", "of") or self.rooms.room_at(end) is None):
                    continue
                keeps = tuple(at for at in range(position, end) if self._is_owned_sound(at))
                yield Found(position, end, FREE, phrase.says, after=phrase.after, keeps=keeps)

    def _is_owned_sound(self, position: int) -> bool:
        """Whether a word inside a phrase names a sound of the caption: "roar" in "its roar echoes"."""
        word, following = self.words[position], self.word(position + 1)
        owner = self.word(position - 1)
        if owner not in OWNERS and not (owner == "the" and following.startswith(("echo", "reverb", "resound"))):
            return False
        if word in place_grammar().rooms or following in ECHOES - {"echoed", "echoes", "echoing"}:
            return False
        known = OF_ROOMS | ECHOES | ABSORBS | QUIETS | ANY_SOUND
        return word not in known and word not in place_grammar().adjectives and not word.endswith("ly")

    def _with_denial(self, found: Found) -> Found:
        if not found.says or found.kind == ROOM:
            return found
        free = found.kind == FREE
        if not self.rooms.is_denied(found.start, found.start - (7 if free else 3), far=free):
            return found
        return replace(found, says=(), weakly=(), denies=found.says)


def _preference(found: Found) -> tuple[int, bool, int]:
    """The longest phrase first, then one of the listener, then the one that says most."""
    return -found.end, found.of_another, -len(found.says) - len(found.weakly)


@lru_cache(maxsize=1)
def _grammar() -> dict[str, tuple[_Compiled, ...]]:
    """The phrases by the words that they can begin with."""
    table: dict[str, list[_Compiled]] = {}
    for phrase in place_grammar().phrases:
        if phrase.write:
            continue
        compiled = _Compiled(phrase, FREE if phrase.free else SPOT, re.compile(pattern(phrase.tree)))
        for word in first_words(phrase.tree) - {""}:
            table.setdefault(word, []).append(compiled)
    return {word: tuple(entries) for word, entries in table.items()}


@lru_cache(maxsize=1)
def _listener() -> re.Pattern[str]:
    return re.compile(pattern(parse("<you>", place_grammar().definitions)))
