"""The pieces of an answer: what stands between two commas or links, with its words of sound and its phrases."""

from __future__ import annotations

from dataclasses import dataclass, field

from transforms.captions.check.sound_words import CARRIERS, FUNCTION_WORDS
from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.phrases.found import SPOT, Found
from transforms.captions.scenes.motions import BOUNDS, MOVES, Motion
from transforms.captions.scenes.tokens import Tokens

#: Words between clauses, and what those of time claim: that the clause behind them is later, or earlier, or at once.
LATER, EARLIER, AT_ONCE, NO_TIME = "later", "earlier", "at once", "no time"
LINKS: tuple[tuple[str, str], ...] = (
    *(
        (f"{word} {who} {ends}", LATER)
        for word in ("once", "after", "when", "as soon as")
        for who in ("it", "that", "this", "they")
        for ends in (
            "stops",
            "ends",
            "stop",
            "end",
            "has stopped",
            "has ended",
            "have stopped",
            "have ended",
            "is over",
        )
    ),
    ("at the same time as", AT_ONCE),
    ("at the same time", AT_ONCE),
    ("all the while", AT_ONCE),
    ("after that", LATER),
    ("after this", LATER),
    ("after which", LATER),
    ("after it", LATER),
    ("after them", LATER),
    ("last of all", LATER),
    ("in the end", LATER),
    ("moments later", LATER),
    ("a moment later", LATER),
    ("followed by", LATER),
    ("and then", LATER),
    ("then", LATER),
    ("before", LATER),
    ("afterwards", LATER),
    ("afterward", LATER),
    ("next", LATER),
    ("subsequently", LATER),
    ("later", LATER),
    ("finally", LATER),
    ("lastly", LATER),
    ("eventually", LATER),
    ("until", LATER),
    ("preceded by", EARLIER),
    ("as soon as", EARLIER),
    ("after", EARLIER),
    ("following", EARLIER),
    ("once", EARLIER),
    ("since", EARLIER),
    ("while", AT_ONCE),
    ("whilst", AT_ONCE),
    ("as well as", NO_TIME),
    ("as", AT_ONCE),
    ("meanwhile", AT_ONCE),
    ("simultaneously", AT_ONCE),
    ("during", AT_ONCE),
    ("when", AT_ONCE),
    ("amid", AT_ONCE),
    ("with", NO_TIME),
    ("and", NO_TIME),
    ("but", NO_TIME),
    ("plus", NO_TIME),
)
#: Links that make a clause depend on the one behind it where they open a sentence: "after a bell rings, a dog barks".
SUBORDINATE = frozenset(
    ("as soon as", "at the same time as", *"while whilst as after before once when since until during".split())
)
#: Adverbs of time, which may stand inside a clause.
ADVERBS = frozenset("then next afterwards afterward subsequently later finally lastly eventually meanwhile".split())
#: What may stand behind the last clause: "… and a man speaks at the same time".
LAST_WORDS = ADVERBS | {"at the same time", "simultaneously", "after that", "all the while"}
_BY_FIRST_WORD: dict[str, list[tuple[tuple[str, ...], str]]] = {}
for _text, _claim in LINKS:
    _BY_FIRST_WORD.setdefault(_text.split()[0], []).append((tuple(_text.split()), _claim))

#: Words that tell of all the sounds: "both far away".
ALL = frozenset("both all each everything everyone".split())
_PRONOUNS = frozenset("it its they their which that who he she his her".split())
# Words that are told with a motion, and of no sound.
_OF_MOTION = frozenset("round way side across first last past around steadily slowly gradually quickly".split())


@dataclass(frozen=True)
class Link:
    """A word between two pieces and what it claims of time."""

    start: int
    word: str
    claim: str


@dataclass
class Piece:
    """A part of an answer without a comma or a link inside."""

    start: int
    end: int
    links: list[Link]
    """The links that stand before it, behind the piece before."""
    after_strong: bool
    """True if a semicolon, a colon or a sentence's end stands before it."""
    before_strong: bool = False
    after_comma: bool = True
    before_link: bool = False
    """True if a link, and not only a comma, follows."""
    spots: list[Found] = field(default_factory=list)
    rooms: list[Found] = field(default_factory=list)
    motions: list[Motion] = field(default_factory=list)
    content: list[int] = field(default_factory=list)
    """The positions of words that may tell of a sound."""
    of_all: bool = False
    """True for "both far away" and the like."""
    refers_back: bool = False
    """True if it begins with a pronoun: "which comes nearer"."""


def pieces_of(tokens: Tokens) -> list[Piece]:
    """The pieces of an answer, in order."""
    inside = _inside(tokens)
    pieces: list[Piece] = []
    links: list[Link] = []
    strong = comma = True
    current: Piece | None = None
    position = 0
    while position < len(tokens.words):
        word = tokens.words[position]
        link = None if position in inside else _link_at(tokens, position, inside)
        is_comma = word == "," and position not in inside
        if link is None and not is_comma:
            if current is None:
                current = Piece(position, position, links, strong, after_comma=comma)
                links, strong, comma = [], False, False
                pieces.append(current)
            position += 1
            current.end = position
            continue
        if current is not None:
            current = None
        if link is not None:
            links.append(link)
            if pieces:
                pieces[-1].before_link = True
            position += len(link.word.split())
        else:
            comma = True
            if position in tokens.strong:
                strong = True
                if pieces and not links:
                    pieces[-1].before_strong = True
            position += 1
    if links:
        # "… and a man speaks at the same time."
        pieces.append(Piece(position, position, links, strong, after_comma=comma))
    for piece in pieces:
        _fill(piece, tokens)
    return pieces


def _inside(tokens: Tokens) -> frozenset[int]:
    """The positions inside phrases, and those between two spots of one place: "near and on the left"."""
    inside: set[int] = set()
    for found in tokens.phrases:
        inside |= set(range(found.start, found.end))
    for motion in tokens.motions:
        inside |= set(range(motion.start, motion.end))
    for first, second in zip(tokens.phrases, tokens.phrases[1:], strict=False):
        between = tokens.words[first.end : second.start]
        one_place = first.kind == second.kind == SPOT and not {attribute for attribute, _ in first.says} & {
            attribute for attribute, _ in second.says
        }
        if one_place and between in (("and",), ("but",)):
            inside |= set(range(first.end, second.start))
    return frozenset(inside)


def _link_at(tokens: Tokens, position: int, inside: frozenset[int]) -> Link | None:
    for words, claim in _BY_FIRST_WORD.get(tokens.words[position], ()):
        end = position + len(words)
        if tokens.words[position:end] == words and not inside & set(range(position, end)):
            return Link(position, " ".join(words), claim)
    return None


def _fill(piece: Piece, tokens: Tokens) -> None:
    taken: set[int] = set()
    for found in tokens.phrases:
        if piece.start <= found.start < piece.end:
            (piece.spots if found.kind == SPOT else piece.rooms).append(found)
            if not found.of_another:
                taken |= set(range(found.start, found.end)) - set(found.keeps)
    for motion in tokens.motions:
        if piece.start <= motion.start < piece.end:
            piece.motions.append(motion)
            taken |= set(range(motion.start, motion.end))
    free = [position for position in range(piece.start, piece.end) if position not in taken]
    piece.content = [position for position in free if _may_tell(tokens.words[position])]
    words = [tokens.words[position] for position in free if tokens.words[position] != ","]
    in_rooms = {position for found in piece.rooms for position in range(found.start, found.end)}
    outside = {tokens.words[position] for position in range(piece.start, piece.end) if position not in in_rooms}
    piece.of_all = not piece.content and bool(ALL & outside)
    piece.refers_back = bool(_PRONOUNS & set(words[:1]))


def _may_tell(word: str) -> bool:
    if word == "," or word in FUNCTION_WORDS or word in _OF_MOTION or word in ALL:
        return False
    return not lemmas(word) & (CARRIERS | MOVES | BOUNDS)
