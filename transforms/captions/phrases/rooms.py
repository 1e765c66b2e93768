"""Rooms in a text: their nouns, their adjectives, and what clauses beside them tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transforms.captions.phrases.found import FREE, NO_OBJECT, ROOM, Found
from transforms.captions.phrases.grammar import Said, place_grammar
from transforms.captions.phrases.room_words import ABSORBS, CLAUSES, ECHOES, OF_ROOMS, QUIETS

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
    "lets makes made throws hosts hears returns swallows swallowed absorbs that which with in answers sends sent "
    "throws threw hurls flings flung".split()
)
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
_RELATIVES = frozenset("in that which where around about holding it they you we this".split())
_SIZES = frozenset("size sizes proportions dimensions extent scale".split())
_BE = frozenset("is was are were feels felt sounds sounded stays being".split())
_NO_NOUNS = _ROOM_VERBS | _DETERMINERS | _INSIDE | NO_OBJECT


class RoomReader:
    """Reads what the words of a canonical text say of rooms."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    def word(self, position: int) -> str:
        """The word at a position; a comma outside of the text."""
        return self.words[position] if 0 <= position < len(self.words) else ","

    def room_at(self, position: int) -> Found | None:
        """A room from here on: "in a large, echoing room", "a large room rings", "the room is large"."""
        word = self.words[position]
        if word in _INSIDE:
            found = self.noun_at(position + 1)
            if found is None:
                return None
            outside = word == "of" and self.word(position - 1) in ("front", "outside", "out", "ahead")
            return replace(found, start=position, of_another=outside, firm=not outside)
        if word not in _DETERMINERS and self._adjective_at(position) is None:
            return None
        if self.word(position - 1) in _FILLERS - {",", "and", "but", "yet"}:
            return None
        found = self.noun_at(position)
        if found is None or not (found.says or found.denies):
            return None
        before, following = self.word(position - 1), self.word(found.end)
        behind_place = before in _NOT_INSIDE
        definite = word in ("the", "this", "your", "our") or before in ("is", "was")
        # "A long way off, large hall: …", as a field note has it.
        apart = before == "," and following == ","
        firm = not behind_place and (found.firm or definite or apart or following in _ROOM_VERBS)
        return replace(found, of_another=behind_place, firm=firm)

    def noun_at(self, start: int) -> Found | None:
        """A room with its adjectives, determiner first."""
        if self.word(start) in ("front", "back", "rear"):
            # "Low in front, small room" names two places.
            return None
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
                (denies if self.is_denied(position, start) else says).extend(said)
                position += length
            elif says and word in place_grammar().named_rooms and self.word(start - 1) in _INSIDE - {"of", "from"}:
                # "In a small kitchen": the kitchen itself is told of the sound.
                keeps.append(position)
                break
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
                (denies if self.is_denied(position, start) else says).extend(adjective[0])
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
        grammar = place_grammar()
        word = self.word(position)
        if word not in grammar.adjective_starts:
            return None
        two = grammar.adjectives.get(f"{word} {self.word(position + 1)}")
        if two is not None:
            return two, 2
        said = grammar.adjectives.get(word)
        return None if said is None else (said, 1)

    def clause_at(self, start: int, last: Found | None) -> Found | None:
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

    def is_denied(self, position: int, start: int, far: bool = False) -> bool:
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


def _speaks_of_rooms(word: str) -> bool:
    return word in OF_ROOMS or word in ECHOES or word in ABSORBS or word in QUIETS or word.endswith("ly")
