"""Words that take a place back, and words that say one too loosely to count."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence

from transforms.captions.phrases.parse import SPOT, Found, without_phrases
from transforms.captions.phrases.room_words import ECHOES

# Words that take back what is said, wherever they stand.
_HEDGES = re.compile(
    r"(?<!\w)("
    r"perhaps|maybe|possibly|probably|presumably|apparently|seemingly|supposedly|allegedly|conceivably|"
    r"arguably|potentially|might|may|"
    r"could(?! almost| nearly| not| hardly| barely| be (?:understood|heard|made out|told apart))|"
    r"should|must|seems?|seemed|seeming|appears?|"
    r"appeared|likely|unlikely|guess|suppose|supposed|assume|assumed|believe|believed|think|thought|suspect|"
    r"imagine|unsure|uncertain|unclear|ambiguous|suggests?|suggesting|implies|implying|wherever|somehow|"
    r"reportedly|theoretically|whether|if not|or so|or thereabouts|or nearly|or almost|or possibly|or maybe|"
    r"not (?:so |too |very )?far from (?!you|us|me|the|your|a|an|them|it|him|her|where)\w+|"
    r"to be sure|more or less|so to speak|i'd say|"
    r"(?:hard|difficult|impossible) to (?:say|tell|place)|either side or|not (?:sure|certain|clear)|who knows"
    r")(?!\w)"
)
# Hedges beside a phrase of place alone: an engine may run roughly, a bell almost drown a voice.
_VAGUE = frozenset(
    "almost nearly about approximately roughly vaguely loosely partly partially sort kind mostly generally virtually "
    "practically somewhat either neither perhaps".split()
)
_VAGUE_BEHIND = re.compile(
    r"(?:, )?(?:or (?:about|around|so|near|close|nearly|almost|perhaps|thereabouts|somewhere|maybe|else)\b|ish\b|"
    r"of sorts|give or take)"
)

_REACHING = frozenset(("could", "might", "would"))
_AS_IF = re.compile(r"(?<!\w)as (?:if|though) ([^,]*)")
# What a simile of a place begins with, or holds: "as if from the left", "as if behind a door".
_OF_PLACE = frozenset("from behind beside across outside inside within room rooms wall walls door doors next".split())

_WORDS_OF = {
    ("direction", "left"): "left leftward leftwards",
    ("direction", "right"): "right rightward rightwards",
    ("direction", "front"): "front ahead forward forwards",
    ("direction", "back"): "behind back rear backward backwards",
    ("direction", "other"): "center centre centrally everywhere",
    ("elevation", "up"): "above overhead ceiling atop skyward",
    ("elevation", "down"): "below beneath underneath underground underfoot basement bottom",
    ("distance", "near"): "near nearby nearest beside alongside adjacent proximity closest next",
    ("distance", "far"): ("far distant distantly distance afar faraway farthest furthest remote remotely"),
    ("distance", "other"): "midway halfway",
}
#: What a word still says when all phrases are taken out: enough to contradict, too little to count as said.
LOOSE_WORDS: dict[str, tuple[str, str]] = {word: said for said, words in _WORDS_OF.items() for word in words.split()}

#: Verbs with which "up" and "down" tell no height: "speeds up", "dies down".
PARTICLE_VERBS = {
    "up": frozenset(
        "speed start rev pick break fill warm dry clean end wake tear heat light crank power fire boot".split()
    ),
    "down": frozenset("slow die calm quiet settle wind shut break power cool tone".split()),
}

#: Uses of those words that tell no place.
NO_PLACE = re.compile(
    r"(?<!\w)(?:back and forth|back to back|forward and back|forwards and backwards|"
    r"right (?:after|before|away|now|as|when|then|next|until|where|while)|all right|"
    r"left (?:on|off|out|alone|behind|unattended|running|the|a|an)|has left|have left|(?:so|as|thus|by) far|"
    r"far (?:too|more|less|louder|better|quieter)|above all|further and further|bottom of|"
    r"alongside(?! (?:you|me|us|the listener)(?!\w))|"
    r"(?:gives?|gave|giving|throws?|threw|sends?|sent|bounc\w+|comes?|came|coming|hands?|pushe[sd]|push|pull\w*|falls?|"
    r"draw\w*|fill\w*|tak\w+|went|goes|walk\w*|talk\w*) "
    r"(?:[^\W\d]+ ){0,2}back|next(?! to)|next to (?:no|nothing))(?!\w)"
)


def is_hedged(text: str, phrases: Sequence[Found], original: str) -> bool:
    """Whether a word takes the place back, and the original has no such word: "perhaps on the left", "left or so".

    Args:
        text: the answer as canonical text.
        phrases: its phrases of place.
        original: the canonical original.
    """
    # "So close that you could touch it" hedges nothing.
    reaching = [found for found in phrases if _REACHING & set(text.split()[found.start : found.end])]
    hedges, own = (
        Counter(word.replace("as though", "as if") for word in _HEDGES.findall(said))
        for said in (without_phrases(text, reaching), original)
    )
    if hedges - own or (_AS_IF.search(text) and not _AS_IF.search(original) and _places_as_if(text, phrases)):
        return True
    tokens, words = text.split(), set(original.split())
    said = [found for found in phrases if found.says or found.denies]
    for found in said:
        before = tokens[max(0, found.start - 2) : found.start]
        if "," in before:
            before = before[before.index(",") + 1 :]
        if any(word in _VAGUE and word not in words for word in before):
            return True
        if _VAGUE_BEHIND.match(" ".join(tokens[found.end : found.end + 5])):
            return True
        if found.kind == SPOT and {"or", "nor"} & set(tokens[found.start : found.end]):
            return True
    return any(
        tokens[first.end : second.start] in (["or"], [",", "or"], ["nor"]) for first, second in itertools.pairwise(said)
    )


def _places_as_if(text: str, phrases: Sequence[Found]) -> bool:
    """Whether "as if" hedges a place: "as if from the left", not "as if in pain" or "muffled as if by cloth"."""
    tokens = text.split()
    for at, word in enumerate(tokens):
        if word != "as" or tokens[at + 1] not in ("if", "though"):
            continue
        end = tokens.index(",", at)
        inside = any(found.start < at < found.end for found in phrases)
        placed = any(at < found.start < end or found.end in (at, at + 1) for found in phrases)
        loose = {word for word in tokens[at:end] if word in _OF_PLACE or word in LOOSE_WORDS or word in ECHOES}
        if not inside and (placed or loose or tokens[end - 1] in ("it", "there", "though", "if")):
            return True
    return False
