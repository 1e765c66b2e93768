"""Find the phrases of place in a text: what each says, relative to whom, and whether it is denied."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from transforms.captions.phrases.grammar import Phrase, Said, place_grammar
from transforms.captions.phrases.notation import first_words, parse, pattern
from transforms.captions.phrases.room_words import ABSORBS, CLAUSES, ECHOES, OF_ROOMS, QUIETS

SPOT, ROOM, FREE = "spot", "room", "free"

# After these words, "behind" or "near" has no object of its own and is said of the listener.
_NO_OBJECT = frozenset(
    ", and or but as while whilst when then before after until once with without in inside within on at from to is "
    "are was were be there here where through across amid amidst followed following which that who all both came come "
    "comes coming heard sounds sounded rising rises rose somewhere off against over of toward towards just yet so "
    "still can".split()
)
_STOPS = _NO_OBJECT - {"of"}
_LINKS = frozenset(", and or but as while whilst when then with is are was were from somewhere".split())
_NEGATIONS = frozenset(
    "not no never neither nor hardly barely scarcely without isn't aren't wasn't weren't doesn't don't didn't cannot "
    "can't non nothing nowhere none less minus lacking un".split()
)
_NOT_INSIDE = frozenset(
    "near outside beside behind beyond past by over under opposite toward towards above below beneath alongside nearby "
    "leaving entering passing facing to at on".split()
)
# What a room does or has, where a sentence begins with the room.
_ROOM_VERBS = frozenset(
    "is was has holds held contains contained where rings rang echoes echoed fills filled carries carried gives gave "
    "lets makes made throws hosts hears returns swallows swallowed absorbs that which with in answers".split()
)
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
# Words before a room that say nothing of it.
_FILLERS = frozenset(
    ", and but yet very highly acoustically enclosed closed indoor sized size rather quite fairly really extremely "
    "tiled bare empty carpeted curtained furnished unfurnished concrete wooden panelled "
    "heavily strongly well so sonically somewhat too deeply notably noticeably thoroughly richly same single one "
    "completely fully utterly pretty truly genuinely decidedly distinctly sound".split()
)
# What stands before a room that the sound is in.
_INSIDE = frozenset(
    "in inside within of from through throughout around into fill fills filling filled via about along off".split()
)
_DETERMINERS = frozenset("a an the this that your our my one some what another such".split())
_NO_NOUNS = _ROOM_VERBS | _DETERMINERS | _INSIDE | _NO_OBJECT
_RELATIVES = frozenset("in that which where around about holding it they you we this".split())
_LITTLE_WORDS = frozenset(
    "the its their of with in by from as that which where so and a an it them this every each all any".split()
)
_SIZES = frozenset("size sizes proportions dimensions extent scale".split())
_BE = frozenset("is was are were feels felt sounds sounded stays being".split())
_SCENES = frozenset("scene stage recording soundscape image field mix picture soundstage".split())


@dataclass(frozen=True)
class Found:
    """A phrase of place in a text."""

    start: int
    """Its first word."""
    end: int
    """The word behind its last one."""
    kind: str
    """`SPOT`, `ROOM` (with its noun), or `FREE` (of a room, but apart from its noun)."""
    says: tuple[Said, ...]
    weakly: tuple[Said, ...] = ()
    of_another: bool = False
    """True where it is said of another thing than the listener: "behind the door"."""
    denies: tuple[Said, ...] = ()
    """What the phrase denies: "not far off"."""
    firm: bool = True
    """False for a room of which is not said that the sound is in it: it can contradict, not fulfil."""
    after: str = ""
    """What has to come before it, as in the grammar."""
    keeps: tuple[int, ...] = ()
    """Words inside the phrase that belong to no phrase of place: "tiled" in "a large tiled room"."""


@dataclass(frozen=True)
class _Compiled:
    phrase: Phrase
    kind: str
    regex: re.Pattern[str]


def find_phrases(canonical: str) -> list[Found]:
    """The phrases of place in canonical text, in order; no two share a word. Takes time linear in the text."""
    return _Scan(canonical.split()).phrases()


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
            if position not in found.keeps:
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
        return self.words[position] if 0 <= position < len(self.words) else ","

    def _best_at(self, position: int, last: Found | None) -> Found | None:
        options = [*self.candidates[position], *self._free_at(position)]
        clause = self._clause_at(position, last)
        if clause is not None:
            options.append(clause)
        room = self._room_at(position)
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
        if phrase.before == "room" and self._room_noun_at(end) is None:
            return None
        inner = [_INNER[word] for word in self.words[start:end] if phrase.inner and word in _INNER]
        says = (*phrase.says, *inner)
        weakly = phrase.weakly
        if says and all(attribute != "distance" for attribute, _ in says):
            degrees = [said for word, said in _DEGREES.items() if word in self.words[start:end]]
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
        return (word in _NO_OBJECT and word != "of") or bool(self.candidates[end]) or word in _finite_verbs()

    def _with_owner(self, found: Found) -> Found:
        """The phrase with "of you", or marked as another's: "on the left of the man"."""
        match = _listener().match(self.text, self.starts[found.end + 1])
        if match is not None:
            return replace(found, end=self.index[match.end()])
        if self._room_noun_at(found.end + 1) is not None or self.word(found.end + 2) in _SCENES:
            return found
        return replace(found, of_another=True)

    def _free_at(self, position: int) -> Iterator[Found]:
        for compiled in _grammar().get(self.words[position], ()):
            if compiled.kind == FREE:
                match = compiled.regex.match(self.text, self.starts[position])
                if match is not None and match.end() > match.start():
                    phrase = compiled.phrase
                    yield Found(position, self.index[match.end()], FREE, phrase.says, after=phrase.after)

    def _clause_at(self, start: int, last: Found | None) -> Found | None:
        """A clause that tells of a room's echo in words of its own: "whose walls hurl every sound back in echoes".

        It begins behind a room, or with "where". Its words that do not speak of rooms stay in the text.
        """
        behind_room = last is not None and last.kind == ROOM and last.end == start
        word = self.words[start]
        if not (word == "where" or (behind_room and word in CLAUSES | OF_ROOMS | ABSORBS)):
            return None
        end = start
        echo = False
        while end < len(self.words) and end - start < 18:
            if self.words[end] == "," and not any(self.word(end + step) in ECHOES for step in (1, 2, 3)):
                break
            echo = echo or self.words[end] in ECHOES
            end += 1
        words = self.words[start:end]
        quiet = any(word in QUIETS for word in words)
        if not (echo or any(word in ABSORBS for word in words)):
            return None
        # The echo is the last word of the place: what follows it is told of the sounds.
        while end > start and self.words[end - 1] not in ECHOES | ABSORBS | QUIETS | OF_ROOMS:
            end -= 1
        keeps = tuple(at for at in range(start, end) if not _speaks_of_rooms(self.words[at]))
        said = ("reverberation", "dampened" if quiet or not echo else "reverberant")
        return Found(start, end, FREE, (said,), keeps=keeps)

    def _room_at(self, position: int) -> Found | None:
        """A room from here on: "in a large, echoing room", "a large room rings", "the room is large"."""
        word = self.words[position]
        if word in _INSIDE:
            found = self._room_noun_at(position + 1)
            if found is None:
                return None
            outside = word == "of" and self.word(position - 1) in ("front", "outside", "out", "ahead")
            return replace(found, start=position, of_another=outside, firm=not outside)
        if word not in _DETERMINERS and self._adjective_at(position) is None:
            return None
        if self.word(position - 1) in _FILLERS - {",", "and", "but", "yet"}:
            return None
        found = self._room_noun_at(position)
        if found is None or not (found.says or found.denies):
            return None
        before, following = self.word(position - 1), self.word(found.end)
        behind_place = before in _NOT_INSIDE
        definite = word in ("the", "this", "your", "our") or before in ("is", "was")
        firm = not behind_place and (found.firm or definite or following in _ROOM_VERBS)
        return replace(found, of_another=behind_place, firm=firm)

    def _room_noun_at(self, start: int) -> Found | None:
        """A room with its adjectives, determiner first."""
        position = start + (self.word(start) in _DETERMINERS)
        says: list[Said] = []
        denies: list[Said] = []
        keeps: list[int] = []
        unknown = 0
        for _ in range(14):
            word = self.word(position)
            if word in place_grammar().rooms:
                break
            adjective = self._adjective_at(position)
            if adjective is not None:
                said, length = adjective
                (denies if self._is_denied(position, start) else says).extend(said)
                position += length
            elif self._is_echoing_thing(start, position, keeps, says):
                # "In a small, echoing temple": what echoes is a room, whatever it is called.
                position -= 1
                break
            elif word in _FILLERS or word in _NEGATIONS or word.endswith("ly"):
                # "A dog barks in a small, quiet way": a comma and then a clause belongs to no room.
                position += 1
            elif word.isalpha() and unknown < 2 and word not in _NO_NOUNS:
                keeps.append(position)
                unknown += 1
                position += 1
            else:
                return None
        else:
            return None
        end = position + 1
        more, denied_more, end = self._predicate_at(end)
        denied = (*denies, *denied_more)
        # "The room is small" says it without "in".
        return Found(start, end, ROOM, (*says, *more), denies=denied, firm=bool(more), keeps=tuple(keeps))

    def _is_echoing_thing(self, start: int, end: int, keeps: Sequence[int], says: Sequence[Said]) -> bool:
        """Whether an unknown noun has ended before `end`, and an adjective before it is one of rooms alone."""
        inside = self.word(start) in _DETERMINERS and self.word(start - 1) in _INSIDE
        return inside and keeps[-1:] == [end - 1] and ("reverberation", "reverberant") in says

    def _predicate_at(self, start: int) -> tuple[tuple[Said, ...], tuple[Said, ...], int]:
        """What is said of the room behind its noun: "that is small", "is large and dry", "of small size"."""
        position = self._behind_relative_clause(start)
        if position == start and self.word(position) in ("that", "which", "so", ","):
            position += self.word(position) != "," or self.word(position + 1) in ("small", "large")
        if self.word(position) == "of":
            position += 1
            while self.word(position).endswith("ly") or self.word(position) in ("very", "quite", "rather"):
                position += 1
            adjective = self._adjective_at(position)
            if adjective is not None and self.word(position + adjective[1]) in _SIZES:
                return adjective[0], (), position + adjective[1] + 1
            return (), (), start
        bare = self.word(position) not in _BE
        if (
            bare
            and not (self.word(start - 2) in ("the", "its") and self._adjective_at(position))
            and self.word(position) != "too"
        ):
            return (), (), start
        if bare:
            # "The room dead and dry", "a hall too big to see across".
            position -= 1
        position += 1 + (self.word(position + 1) in ("a", "an"))
        says: list[Said] = []
        denies: list[Said] = []
        end = start
        for _ in range(12):
            adjective = None if self.word(position) == "echo" else self._adjective_at(position)
            if adjective is not None:
                (denies if self._is_denied(position, start) else says).extend(adjective[0])
                position += adjective[1]
                end = position
            elif self.word(position).endswith("ly") or self.word(position) in _FILLERS | _NEGATIONS | {
                "far",
                "from",
                "anything",
                "at",
                "all",
            }:
                position += 1
            else:
                break
        return tuple(says), tuple(denies), end

    def _behind_relative_clause(self, position: int) -> int:
        """The verb behind "the room in which it is heard …" and "the room that holds the sound …"."""
        if self.word(position) in _RELATIVES:
            for verb in range(position + 2, position + 8):
                if self.word(verb) == ",":
                    break
                if self.word(verb) in ("is", "was") and self._adjective_at(
                    verb + 1 + (self.word(verb + 1) in ("a", "an"))
                ):
                    return verb
        return position

    def _adjective_at(self, position: int) -> tuple[tuple[Said, ...], int] | None:
        two = f"{self.word(position)} {self.word(position + 1)}"
        if two in place_grammar().adjectives:
            return place_grammar().adjectives[two], 2
        said = place_grammar().adjectives.get(self.word(position))
        return None if said is None else (said, 1)

    def _is_denied(self, position: int, start: int, far: bool = False) -> bool:
        """Whether a negation stands in front of a word, no more than four words away and behind no comma."""
        for back in range(1, 9 if far else 5):
            before = self.word(position - back)
            if before == "," or position - back < start - 1:
                return False
            if before in _NEGATIONS:
                return True
            if before == "from" and self.word(position - back - 1) == "far":
                return back == 1 or self.word(position - 1) in _FILLERS
            if before == "but" and self.word(position - back - 1) in ("anything", "nothing"):
                return before != "nothing"
        return False

    def _with_denial(self, found: Found) -> Found:
        if (
            not found.says
            or found.kind == ROOM
            or not self._is_denied(found.start, found.start - (7 if found.kind == FREE else 3), far=found.kind == FREE)
        ):
            return found
        return replace(found, says=(), weakly=(), denies=found.says)


def _preference(found: Found) -> tuple[int, bool, int]:
    """The longest phrase first, then one of the listener, then the one that says most."""
    return -found.end, found.of_another, -len(found.says) - len(found.weakly)


def _speaks_of_rooms(word: str) -> bool:
    return word in OF_ROOMS or word in ECHOES or word in ABSORBS or word in QUIETS or word.endswith("ly")


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


@lru_cache(maxsize=1)
def _finite_verbs() -> frozenset[str]:
    from transforms.captions.check.verbs import VERBS_WITH_S

    return VERBS_WITH_S
