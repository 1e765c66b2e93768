"""The check of the form: one short, grammatical sentence about nothing but sounds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from transforms.captions.check.grammar import breaks_grammar
from transforms.captions.check.place import repeats_place
from transforms.captions.check.sound_words import FUNCTION_WORDS
from transforms.captions.check.text import without_place
from transforms.captions.lexicon.base_forms import lemmas, may_be
from transforms.captions.lexicon.verbs import IRREGULAR_PLURALS, VERBS, VERBS_WITH_S
from transforms.captions.phrases.canonical import canonical_text

_NUMBER = (
    r"(?:\d+(?:[.,]\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|ninety|hundred)"
)

_UNIT = (
    r"(?:degrees?|met(?:re|er)s?|m|cm|centimet(?:re|er)s?|kilomet(?:re|er)s?|km|foot|feet|ft|yards?|inch(?:es)?|miles?|"
    r"seconds?|milliseconds?|ms|hertz|hz|khz|decibels?|db|percent|%)"
)

_LEAK = re.compile(
    r"https?:|www\.|<[|/!a-z]|[\"“”{}\[\]\\|`#*_=^~]|°|\b(?:"
    r"degrees?|azimuth|rephras\w*|paraphras\w*|reword\w*|rewrit\w*|rewrote|caption\w*|prompt\w*|json|html|sentences?|"
    r"instruct\w*|requested|assistant|ignore|here is|here's|here are|sure|certainly|of course|sorry|unable|output|"
    r"as an ai|language model|let me|i (?:have|would|will|can|cannot|can't|hope|think)|i'm sorry|"
    r"descriptions?|described|describ(?:e|es|ing)|the original|originally|"
    r"as (?:requested|asked|stated|given|mentioned|noted|specified|required|you)|"
    r"(?:audio|sound|video) ?(?:clips?|files?|recordings?|samples?|tracks?|scenes?)|"
    r"(?:this|the) (?:clip|recording|audio|soundtrack)|"
    r"(?:each|every|all) (?:of )?(?:the )?(?:words?(?! (?:is |was |sound\w* |still )*"
    r"(?:echo|ring|rang|linger|reverb|resound|muffle|dull|dead|carr|bounc|hang|hung|fad|swallow|mut))|details?)|"
    r"the (?:user|task|text|prompt|answer|source|request))\b|"
    r"\b(?:place|note|words?|result|response|answer|sound):|"
    rf"\b{_NUMBER}[ -]?{_UNIT}(?!\w)",
    re.IGNORECASE,
)

_MEASURE = re.compile(rf"\b({_NUMBER})[ -]?({_UNIT})(?!\w)", re.IGNORECASE)

# "On the right, right up close" says two things.
_STUTTER = re.compile(r"(?<!\w)(?!right , right)(\w+)(?: ,)? \1(?!\w)")
# "And in rhythm and in rhythm": two words or three said twice.
_STUTTERING_PHRASE = re.compile(
    r"(?<!\w)(?!(?:again|over|on|more|back) and)(\w+ \w+(?: \w+)?)(?: ,)?(?: and)? \1(?!\w)"
)

_FINITE = rf"(?:{'|'.join(sorted(VERBS_WITH_S))}|is|are|was|were|has|have)"

_BASE = rf"(?:{'|'.join(VERBS)})"

# A few words of one clause: nothing that begins another or hangs a phrase on it.
_CLAUSE_WORDS = (
    r"(?:(?!(?:and|or|as|while|when|then|before|after|that|which|who|whose|where|with|of|in|on|at|by|from|over|to|"
    r"through|near|for|into|followed|following|there|is|are)\b)[^\W\d]+ )"
)

_DETERMINER = r"(?:a|an|the|this|that|some|one|your|another|its|every|what|any|each|two|my|our|their|rooms?)"

_COMING = r"(?:coming|heard|located|emanating|originating|emitted)"

_TAKE_BASE_FORM = frozenset("of hear hears heard hearing make makes making made let lets letting".split())

_WITHIN_CLAUSE = r"(?:(?!(?:and|or|as|while|when|then|that|which|where|there|is|are)\b)[^\W\d]+ )"

# Verbs whose past is their base form: "the gate hit the fence".
_PAST_ALIKE = frozenset("hit cut shut set put let beat burst split spread quit".split())

_NO_PAIR = FUNCTION_WORDS | {"noise", "noises"}

_NO_PLURAL = (
    r"(?:news|gas|bagpipes|series|species|lens|chaos|canvas|tennis|always|sometimes|"
    r"occurs|increases|decreases|continues)"
)

_PLURAL = rf"(?:people|men|women|children|(?!{_NO_PLURAL}\b)\w+[^su\W]s)"

_COUNTED = r"(?:several|multiple|many|numerous|various|two|three|four|five|six|both|people|men|women|children|kids)"

BROKEN_GRAMMAR = re.compile(
    r"(?<!\w)(?:"
    + "|".join(
        (
            # "There is a dog barks", "there is engines sputter", "there is several frogs", "there are a bell".
            rf"there is {_CLAUSE_WORDS}{{1,6}}?{_FINITE}",
            rf"there are {_CLAUSE_WORDS}{{1,6}}?(?:is|are|was|were|has)",
            rf"there are {_CLAUSE_WORDS}{{0,3}}?{_PLURAL} {_BASE}",
            rf"there is (?:(?:loud|soft|faint|quiet|heavy|small|large|a|an) )?{_COUNTED}",
            rf"there is (?:(?:loud|soft|faint|quiet|heavy) )?{_PLURAL}",
            r"there are (?:a|an) (?!(?:few|lot|number|couple|series|variety|group|pair|dozen|handful)\b)\w+",
            rf"an? (?:[^\W\d]+ing )?(?!(?:sports|clothes|goods|is|was|has|this|its|us)\b){_PLURAL}",
            # "Is barks", "a dog barks is heard".
            rf"(?<!there )(?:is|are|was|were) (?!(?:is|are|was|were|has|have)\b){_FINITE}",
            # Not "the sound of a train chugging as its whistle screeches is coming from the left".
            rf"(?:,|and|the sound of) {_CLAUSE_WORDS}{{1,5}}?{_FINITE} {_WITHIN_CLAUSE}{{0,5}}?is (?:being )?{_COMING}",
            rf"(?:,|and|the sound of) {_CLAUSE_WORDS}{{0,3}}?{_PLURAL} {_BASE} {_WITHIN_CLAUSE}{{0,5}}?"
            rf"(?:is|are) (?:being )?{_COMING}",
            # "Comes from at the back", "in on the left", "from the in front".
            r"(?:from|of|to) (?:at|on) the",
            r"(?:in|at) (?:in|on|at) (?:the|a|an)",
            r"(?:a|an|the|of|from) (?:in|at|on|near|a|an|the) (?:a|an|the)",
            r"(?:a|an|the|of|from) , (?:in|on|at)",
            # "A man who speaking".
            r"(?:who|which) (?!(?:sing|ring|bring|swing|sting|cling|fling|ping|ding)\b)[^\W\d]+ing",
            r"(?<!with )(?<!of )that (?!(?:sing|ring|bring|swing|sting|cling|fling|ping|ding)\b)[^\W\d]+ing ,",
            # "As a man snoring."
            r"(?:as|while) (?:a|an|the) [^\W\d]+ [^\W\d]+ing (?:,|and|as|while)",
            rf"there is an? [^\W\d]+ and an? [^\W\d]+ {_BASE}",
            # A sentence that breaks off.
            r", (?:something|someone|somebody) ,$",
            r"(?:a|an|the|from|with|and|or|as|(?<!little )(?<!brief )(?<!short )(?<!long )(?<!a )while|"
            r"into|is|are|very|highly|(?<!speak )of) ,$",
            r"(?:(?<!after )that|which|who|whose|where|and it|but|when|then|until|because) ,$",
            r"(?:its|their|your|some|every) ,$",
            r"(?:a|an|the) (?:,|of|with|and|or|as|then|before|after|is|are|was|were|by|to|from)",
            r"(?:and|,|while|as) to [^\W\d]+ ,",
            # "In small room".
            rf"(?:in|inside|within|of|from|across) (?:(?!{_DETERMINER}\b)[^\W\d]+ ){{0,3}}(?:room|hall|chamber)",
        )
    )
    + r")(?!\w)"
)

_CAPITAL_WITHIN = re.compile(r"(?<=[a-z,;] )[A-Z]\w*")

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)]*\s*(?=[^\s\"'”’)])")

_MARK_AFTER_QUOTE = re.compile(r"([.!?…][\"'”’])[.!?]$")

_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|vs|etc|e\.g|i\.e|a\.m|p\.m)\.", re.IGNORECASE)

_OWNER = re.compile(r"\b\w+['’]s?(?= )")

_LONGEST_ANSWER_CHARS = 1000


def too_long(answer: str, original: str) -> bool:
    if len(answer) > _LONGEST_ANSWER_CHARS + 2 * len(original):
        return True
    return len(answer.split()) > 1.5 * len(original.split()) + 25


def leaks(answer: str, original: str) -> bool:
    """Whether the answer has talk of the task, markup, addresses or degrees that the original lacks."""
    before = original.lower()
    measures = set(map(_measure, _MEASURE.findall(original)))
    return "\n" in answer.strip() or any(
        match[0].strip().lower() not in before
        and not any(_measure(found) in measures for found in _MEASURE.findall(match[0]))
        for match in _LEAK.finditer(answer)
    )


def _measure(found: tuple[str, str]) -> tuple[str, str]:
    """A number and its unit: "two-second" is "two seconds"."""
    number, unit = (part.lower() for part in found)
    return number, unit.removesuffix("s")


def is_one_sentence(answer: str) -> bool:
    quotes_close = answer.count('"') % 2 == 0 and answer.count("“") == answer.count("”")
    # A mark behind a quote that ends in one, as a caption gets it at its end: "good boy!".
    text = _MARK_AFTER_QUOTE.sub(r"\1", answer.strip())
    return quotes_close and not _SENTENCE_END.search(_ABBREVIATION.sub("", text))


def stutters(text: str, before: str) -> bool:
    """Whether a word, or a phrase of place, is said twice where the original says it once."""
    for pattern in (_STUTTER, _STUTTERING_PHRASE):
        if len(pattern.findall(text)) > len(pattern.findall(before)):
            return True
    return repeats_place(text, before)


def breaks_agreement(answer: str, original: str) -> bool:
    """True where "a train circles" has become "a train circle", "fireworks pop" "firework pop", "a plane" "plane"."""
    words = answer.split()
    places: dict[tuple[str, str], list[int]] = {}
    for position, pair in enumerate(itertools.pairwise(words)):
        places.setdefault(pair, []).append(position)
    before = list(itertools.pairwise(original.split()))
    for noun, verb in before:
        if noun.endswith("s") == verb.endswith("s") or noun in IRREGULAR_PLURALS or (noun, verb) in places:
            continue
        if (
            {noun, verb} & _NO_PAIR
            or verb.endswith(("ing", "ed"))
            or not may_be(noun, "NOUN")
            or may_be(noun, "ADJ")
            or lemmas(verb) & _PAST_ALIKE
            or not may_be(verb, "VERB")
        ):
            continue
        broken = (noun, verb[:-1]) if verb.endswith("s") else (noun[:-1], verb)
        # "The doors opens".
        if noun.endswith("s") and any(_disagrees(words, at) for at in places.get((noun, f"{verb}s"), ())):
            return True
        found = places.get(broken, ()) if min(map(len, broken)) > 2 and broken not in before else ()
        if any(_disagrees(words, position) for position in found):
            return True
    return any(
        words[0] in ("a", "an") and words[-1].endswith("s") and f" , {' '.join(words[1:])} " in answer
        for size in (3, 4)
        for words in zip(*(original.split()[start:] for start in range(size)), strict=False)
    )


def _disagrees(words: Sequence[str], position: int) -> bool:
    """Whether the noun at `position` and the word behind it are a subject and its verb."""
    earlier = words[max(0, position - 4) : position]
    # "A church bell rings", "rain and thunder roar", "you hear a dog bark".
    following = words[position + 2] if position + 2 < len(words) else ","
    return not (may_be(following, "VERB") or "and" in earlier[-3:] or _TAKE_BASE_FORM & set(earlier))


def is_ungrammatical(answer: str, original: str) -> bool:
    """Whether an answer breaks the grammar where its original does not."""
    text, before = canonical_text(answer), canonical_text(original)
    if any(match[0] not in before for match in BROKEN_GRAMMAR.finditer(text)) or starts_again(answer, original):
        return True
    # In "a lion's roar" the noun and the verb are no pair that has to agree.
    if breaks_agreement(canonical_text(_OWNER.sub(",", answer)), before):
        return True
    owned, owned_before = (canonical_text(_OWNER.sub("its", given)) for given in (answer, original))
    return breaks_grammar(without_place(owned), without_place(owned_before), owned)


def starts_again(answer: str, original: str) -> bool:
    """True for a capital letter inside the answer that is no name: "In a small room, A dog barks"."""
    first, _, rest = original.partition(" ")
    inside = set(_CAPITAL_WITHIN.findall(answer)) - set(re.findall(r"[A-Z]\w*", rest)) - {"I"}
    inside = {word for word in inside if len(word) == 1 or not word.isupper()}
    return any(word != first or word in ("A", "An", "The") or word.endswith(("ing", "ed", "s")) for word in inside)
