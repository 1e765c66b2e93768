"""Mend what is surely wrong in a caption of a data set, and touch nothing else."""

from __future__ import annotations

import re

from transforms.captions.lexicon.verbs import VERBS_WITH_S

_TWICE = re.compile(r"\b(a|an|the|and|of|in|on|is|are|as|with|to|by)(?: \1)+\b", re.IGNORECASE)
_SPACE_BEFORE_MARK = re.compile(r"(?<=\w) +(?=[,;](?:\s|\w|$))")
_NO_SPACE_BEHIND_COMMA = re.compile(r"(?<=[a-z]),(?=[A-Za-z])")
# "A engine", "an dog". Words whose sound and letter differ ("an hour", "a unicycle", "a one-way street") are let alone.
_A_BEFORE_VOWEL = re.compile(r"\b([Aa]) (?=(?:[ai]|e(?!u)|o(?!n[ec]|ui))[a-z]{2})")
_AN_BEFORE_CONSONANT = re.compile(r"\b([Aa])n (?=[b-dfgj-np-tv-z][a-z]{2})(?!\w*[A-Z])")
# "Motors runs": a plural at the head of a clause, then a verb in -s, then the end or a word that no noun would precede.
_PLURAL_AND_VERB = re.compile(
    r"(?P<head>(?:^|(?:, | and | as | while | then ))(?:the |some |several |many |two |three )?)"
    r"(?P<noun>[A-Za-z]{2,}[^aius\W\d_]s) (?P<verb>[a-z]+s)"
    r"(?=$|[,;.]| (?:and|as|while|then|loudly|softly|nearby|quickly|continuously|repeatedly|in the|on the|before|after|"
    r"followed)\b)"
)
# Verbs in -s that are as often nouns: "birds calls" may be the calls of birds.
_NOUNS_TOO = frozenset(
    "sounds calls barks rings beats claps cries screams shots drops drips knocks taps clicks beeps chimes steps laughs "
    "honks screeches squeaks creaks bangs moves breaks".split()
)
_NO_PLURALS = frozenset("hers his its always sometimes perhaps besides pants scissors glasses news series".split())


def mend(caption: str) -> str:
    """The caption with "a engine" as "an engine", "the the" as "the", "motors runs" as "motors run"."""
    text = _TWICE.sub(r"\1", caption)
    text = _SPACE_BEFORE_MARK.sub("", text)
    text = _NO_SPACE_BEHIND_COMMA.sub(", ", text)
    text = _A_BEFORE_VOWEL.sub(r"\1n ", text)
    text = _AN_BEFORE_CONSONANT.sub(r"\1 ", text)
    return _PLURAL_AND_VERB.sub(_with_plural_verb, text)


def _with_plural_verb(match: re.Match[str]) -> str:
    noun, verb = match["noun"].lower(), match["verb"]
    if verb not in VERBS_WITH_S or verb in _NOUNS_TOO or noun in VERBS_WITH_S | _NO_PLURALS:
        return match[0]
    base = (
        f"{verb[:-3]}y"
        if verb.endswith("ies")
        else verb[:-2]
        if re.search(r"(?:sh|ch|x|zz|ss)es$", verb)
        else verb[:-1]
    )
    return f"{match['head']}{match['noun']} {'go' if verb == 'goes' else base}"
