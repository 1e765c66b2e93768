"""Broken grammar, found by the forms of words: agreement, articles, verbs without a link."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from transforms.captions.check.sound_words import FUNCTION_WORDS
from transforms.captions.lexicon.base_forms import base_forms, is_base_verb, lemmas, may_be
from transforms.captions.lexicon.verbs import IRREGULAR_PLURALS, VERBS

_ARTICLES = frozenset(("a", "an"))
_DETERMINERS = frozenset("a an the this that its his her their your my our one another each every some".split())
_PLURAL_NUMBERS = frozenset(
    "two three four five six seven eight nine ten several multiple many various both few".split()
)
_LINKS = frozenset(
    ", and but or as while whilst when then before after until with over amid during because so that which who".split()
)
_PREPOSITIONS = frozenset(
    "of in on at to from into onto for over through by across against near around between under".split()
)
_BE = frozenset("is are was were".split())
# "Hear a dog bark", "makes a child laugh": a base form after its subject.
_TAKE_BASE_FORM = frozenset(
    "hear hears heard hearing let lets letting make makes making made help helps can could may might will would to do "
    "does did as like of".split()
)
_ALIKE = frozenset(
    "sheep deer fish aircraft series species people police cattle offspring feet news music bass ground sound sounds "
    "noise noises".split()
)
# What is not counted: "an even rain" and "rain".
_MASSES = frozenset(
    "rain snow hail wind water music noise sound traffic thunder wood metal paper plastic glass gravel "
    "conversation machinery equipment speech laughter applause chatter talk static silence fire food grass "
    "steam air quiet light".split()
)
_KINDS = frozenset(
    "kind kinds type types sort sorts species form number sound sounds burst bursts series rush piece bit hint touch "
    "stretch spell string".split()
)
# Verbs whose participle is their base form: "is run", "is hit".
_OWN_PARTICIPLES = frozenset("run come cut hit shut set let put beat hurt split spread burst become cast shed".split())
_ONES = frozenset("someone somebody something everything".split())
# Singulars that several are.
_SEVERAL = IRREGULAR_PLURALS.keys() | frozenset(
    "people police cattle sheep fish deer staff crew crowd audience couple family group team band choir pair majority "
    "number rest mice geese feet teeth oxen poultry folk traffic aircraft series species few many several both "
    "others".split()
)
# "A two-second burst".
_UNITS = frozenset("second minute hour foot inch yard metre meter note beat".split())
_VOWELS = "aeiou"
_AN_BEFORE = ("hour", "honest", "honor", "honour", "heir")
_A_BEFORE = ("uni", "use", "usu", "uti", "eu", "one", "once", "ufo", "uku", "uri", "ute", "u")


@dataclass(frozen=True)
class _Texts:
    """An answer and its original, in words."""

    words: list[str]
    before: list[str]
    verbs: frozenset[str]
    """The base forms of the verbs of the original, and of verbs of sound."""
    pairs: frozenset[tuple[str, str]]
    """The words that follow each other in the original."""
    determined: frozenset[str] = frozenset()
    """Words of the whole answer with a determiner close before them."""


def breaks_grammar(answer: str, original: str, whole: str = "") -> bool:
    """Whether canonical text without its place breaks the grammar where its original does not.

    Args:
        whole: the answer with its place, if that is at hand: a noun that has its article there lacks none.
    """
    words, before = answer.split(), original.split()
    if len(words) < 2:
        return False
    used = {lemma for word in before if word.endswith(("ing", "s")) for lemma in base_forms(word).get("VERB", ())}
    told = whole.split()
    spoken = [word for word in told if word != ","]
    determined = frozenset(word for at, word in enumerate(spoken) if _DETERMINERS & set(spoken[max(0, at - 3) : at]))
    texts = _Texts(words, before, frozenset(used) | _SOUND_VERBS, frozenset(itertools.pairwise(before)), determined)
    triples = set(zip(before, before[1:], before[2:], strict=False))
    return any(
        tuple(words[max(0, position - 1) : position + 2]) not in triples for rule in _RULES for position in rule(texts)
    ) or any(True for rule in _SURE_RULES for _ in rule(texts))


def _word(words: Sequence[str], position: int) -> str:
    return words[position] if 0 <= position < len(words) else ","


def _wrong_article(texts: _Texts) -> Iterator[int]:
    """Finds "A engine", "an dog"."""
    for position, (article, noun) in enumerate(itertools.pairwise(texts.words)):
        if article not in _ARTICLES or len(noun) < 3 or noun in FUNCTION_WORDS:
            continue
        sounds_open = noun.startswith(_AN_BEFORE) or (noun[0] in _VOWELS and not noun.startswith(_A_BEFORE))
        surely_open = noun[0] in "aeio" and sounds_open
        if (article == "a" and surely_open) or (article == "an" and not sounds_open and noun[0] not in _VOWELS + "h"):
            yield position


def _article_before_a_verb(texts: _Texts) -> Iterator[int]:
    """Finds "The speaks": an article, and a form that only a verb has."""
    for position, (article, word) in enumerate(itertools.pairwise(texts.words)):
        if article in ("a", "an", "the") and word.endswith("s") and set(base_forms(word)) == {"VERB"}:
            yield position


def _singular_after_number(texts: _Texts) -> Iterator[int]:
    """Finds "Two dog": the original has the plural."""
    plurals = {lemma for word in texts.before for lemma in base_forms(word).get("NOUN", ()) if lemma != word}
    for position, (number, noun) in enumerate(itertools.pairwise(texts.words)):
        following = _word(texts.words, position + 2)
        if (
            number in _PLURAL_NUMBERS
            and noun in plurals
            and noun not in texts.before
            and noun not in _ALIKE
            and not (noun in _UNITS and may_be(following, "NOUN"))
            and (following in _LINKS | _PREPOSITIONS | _BE or may_be(following, "VERB"))
        ):
            yield position + 1


def _number_without_noun(texts: _Texts) -> Iterator[int]:
    """Finds "Clanks several in the background"."""
    for position, (number, following) in enumerate(itertools.pairwise(texts.words)):
        if number in ("several", "multiple", "various") and following in (_LINKS | _PREPOSITIONS) - {"of", "or", "and"}:
            yield position


def _plural_with_singular_verb(texts: _Texts) -> Iterator[int]:
    """Finds "Motors runs", "the dogs barks"."""
    for position, (noun, verb) in enumerate(itertools.pairwise(texts.words)):
        if (
            _is_plural_noun(noun)
            and (verb in ("is", "was") or (_is_singular_verb(verb) and set(base_forms(verb)["VERB"]) & texts.verbs))
            and _word(texts.words, position + 2) not in _BE
            and _heads_its_phrase(texts.words, position)
        ):
            yield position


def _is_plural_noun(word: str) -> bool:
    nouns = base_forms(word).get("NOUN", ())
    return word == "people" or (
        word not in _ALIKE
        and word not in FUNCTION_WORDS
        and bool(nouns)
        and word not in nouns
        and not word.endswith("ss")
    )


def _is_singular_verb(word: str) -> bool:
    verbs = base_forms(word).get("VERB", ())
    return word.endswith("s") and bool(verbs) and word not in verbs and word not in _ALIKE


def _heads_its_phrase(words: Sequence[str], position: int) -> bool:
    """Whether a noun with its modifiers begins a clause: not "people" in "a group of people talks"."""
    start = position
    previous = _word(words, position - 1)
    if _is_singular_verb(words[position]) and (
        previous in ("someone", "something", "it", "then") or _is_plain_noun(previous)
    ):
        # "Someone blows bubbles".
        return False
    while start > 0 and words[start - 1] not in FUNCTION_WORDS | {","} and position - start < 4:
        start -= 1
        if may_be(words[start], "VERB") and not may_be(words[start], "ADJ") and not words[start].endswith("ing"):
            # "A man plays drums sounds": a verb with its object, or a compound.
            return False
    previous = _word(words, start - 1)
    if previous in _DETERMINERS | _PLURAL_NUMBERS and previous not in _ARTICLES:
        previous = _word(words, start - 2)
    return previous in (",", "as", "while", "when", "then", "before", "after", "but")


def _singular_with_plural_verb(texts: _Texts) -> Iterator[int]:
    """Finds "A dog bark", where the original has "a dog barking"."""
    words = texts.words
    for position, (noun, verb) in enumerate(itertools.pairwise(words)):
        if not is_base_verb(verb) or verb not in texts.verbs or not may_be(noun, "NOUN") or noun not in texts.before:
            continue
        if (
            noun == "people"
            or verb in _OWN_PARTICIPLES
            or noun in _ALIKE
            or noun in FUNCTION_WORDS
            or not any(
                form != verb and verb in base_forms(form).get("VERB", ())
                for first, form in texts.pairs
                if first == noun
            )
        ):
            continue
        start = position
        while start > 0 and words[start] not in _DETERMINERS and position - start < 3 and words[start] != ",":
            start -= 1
        following = _word(words, position + 2)
        if (
            words[start] in ("a", "an", "another", "each", "every")
            and not set(words[max(0, start - 3) : start]) & _TAKE_BASE_FORM
            and _word(words, start - 1) not in ("and", "or")
            and not _is_heard(words, start)
            and (following in _LINKS | _PREPOSITIONS | _DETERMINERS or following.endswith("ly"))
            and noun in base_forms(noun).get("NOUN", ())
        ):
            yield position


def _is_heard(words: Sequence[str], position: int) -> bool:
    """Whether a word belongs to what somebody hears: "you hear a toaster pop and a man hum"."""
    return bool({"hear", "hears"} & set(words[max(0, position - 12) : position])) or (
        "heard" in words[max(0, position - 12) : position] and "," not in words[max(0, position - 4) : position]
    )


def _be_with_base_form(texts: _Texts) -> Iterator[int]:
    """Finds "Water is flow", "the dogs are bark"."""
    for position, (be, verb) in enumerate(itertools.pairwise(texts.words)):
        if (
            be in _BE
            and is_base_verb(verb)
            and verb in texts.verbs
            and verb not in _OWN_PARTICIPLES
            and not may_be(verb, "ADJ")
            and _word(texts.words, position - 1) not in ("there", "it", "this", "that", "what", "here", ",")
            and (
                not may_be(_word(texts.words, position + 2), "NOUN")
                or _word(texts.words, position + 2) in FUNCTION_WORDS
            )
            and not _word(texts.words, position + 2).endswith("ing")
        ):
            yield position


def _singular_with_are(texts: _Texts) -> Iterator[int]:
    """Finds "Heavy rain were pouring", "someone are talking"."""
    words = texts.words
    for position, word in enumerate(words):
        if word not in ("are", "were"):
            continue
        noun = _word(words, position - 1)
        is_one = noun in ("someone", "somebody", "something", "everything") or (
            noun in base_forms(noun).get("NOUN", ()) and not noun.endswith("s") and noun not in _SEVERAL
        )
        start = position - 1
        while start > 0 and words[start - 1] not in FUNCTION_WORDS - _ARTICLES | {","}:
            start -= 1
        previous = _word(words, start - 1)
        if (
            is_one
            and (start == 1 or previous in ("as", "while", "when", "then"))
            and noun not in FUNCTION_WORDS - _ONES
        ):
            yield position


def _breaks_off(texts: _Texts) -> Iterator[int]:
    """Finds "At a loud." at the end."""
    words = [word for word in texts.words if word != ","]
    if len(words) > 1 and words[-2] in _ARTICLES and set(base_forms(words[-1])) in ({"ADJ"}, {"ADJ", "ADV"}):
        yield len(texts.words) - 2


def _two_verbs(texts: _Texts) -> Iterator[int]:
    """Finds "A dog barks growls", where the original has both as verbs."""
    for position, (first, second) in enumerate(itertools.pairwise(texts.words)):
        if (
            _is_singular_verb(first)
            and _is_singular_verb(second)
            and (first, second) not in texts.pairs
            and all(_is_told_as_verb(word, texts) for word in (first, second))
            and not _follows_in(texts.before, first, second)
            and set(base_forms(second)["VERB"]) & _SOUND_VERBS
            and may_be(_word(texts.words, position - 1), "NOUN")
            and _word(texts.words, position - 1) not in _PREPOSITIONS
        ):
            yield position


def _follows_in(words: Sequence[str], first: str, second: str) -> bool:
    """Whether a form of `second` stands behind a form of `first`: "blowing bubbles"."""
    return any(lemmas(first) & lemmas(one) and second == other for one, other in itertools.pairwise(words))


def _is_told_as_verb(word: str, texts: _Texts) -> bool:
    return any(
        set(base_forms(word)["VERB"]) & set(base_forms(other).get("VERB", ()))
        and (other.endswith("ing") or (_word(texts.before, at - 1) in ("and", ",", "then") or other == word))
        for at, other in enumerate(texts.before)
    )


def _coordinated_with_singular_verb(texts: _Texts) -> Iterator[int]:
    """Finds "Food and oil sizzles", "a man and a woman speaks"."""
    words = texts.words
    for position, word in enumerate(words):
        if word != "and":
            continue
        first, second = _noun_phrase_before(words, position), _noun_phrase_after(words, position)
        if first is None or second is None or first != second:
            continue
        at = position + 2 + second
        if (
            _is_singular_verb(_word(words, at))
            and _word(words, at + 1) not in _BE
            and not _is_singular_verb(_word(words, at + 1))
            and set(base_forms(words[at]).get("VERB", ())) & texts.verbs
        ):
            yield at


def _noun_phrase_before(words: Sequence[str], position: int) -> bool | None:
    """Whether the clause up to `position` is one singular noun with an article; None for anything else."""
    noun = _word(words, position - 1)
    if not _is_plain_noun(noun):
        return None
    start = position - 1
    if _word(words, start - 1) in _DETERMINERS:
        return True if _word(words, start - 2) in (",", "as", "while", "when", "then", "before", "after") else None
    return False if _word(words, start - 1) in (",", "as", "while", "when", "then", "before", "after") else None


def _noun_phrase_after(words: Sequence[str], position: int) -> bool | None:
    following = _word(words, position + 1)
    if following in _DETERMINERS:
        return True if _is_plain_noun(_word(words, position + 2)) else None
    return False if _is_plain_noun(following) else None


def _is_plain_noun(word: str) -> bool:
    return word not in FUNCTION_WORDS and word in base_forms(word).get("NOUN", ()) and not word.endswith(("ing", "ed"))


def _missing_article(texts: _Texts) -> Iterator[int]:
    """Finds "Engine running", where the original has "an engine"."""
    counted = set()
    for position, word in enumerate(texts.before):
        if word in _ARTICLES:
            for noun in texts.before[position + 1 : position + 4]:
                if noun in FUNCTION_WORDS or noun == ",":
                    break
                following = _word(texts.before, texts.before.index(noun, position) + 1)
                if _is_plain_noun(noun) and (following in FUNCTION_WORDS | {","} or following.endswith(("ing", "s"))):
                    counted.add(noun)
    bare = {
        word
        for previous, word in itertools.pairwise(texts.before)
        if word in counted and previous in _LINKS | _PREPOSITIONS
    }
    for position, word in enumerate(texts.words):
        if word not in counted - bare - texts.determined or word in _MASSES or may_be(word, "ADJ"):
            continue
        following = _word(texts.words, position + 1)
        if not (following in FUNCTION_WORDS | {","} or following.endswith("ing") or _is_singular_verb(following)):
            continue
        if (
            following.endswith("s")
            and following not in FUNCTION_WORDS
            and may_be(following, "NOUN")
            and not (set(base_forms(following).get("VERB", ())) & texts.verbs)
        ):
            continue
        before = _word(texts.words, position - 1)
        if is_base_verb(word) and (_is_plural_noun(before) or before in IRREGULAR_PLURALS):
            # "Men shout", where the original has "a shout".
            continue
        if _word(texts.words, position - 1) == "then" and may_be(word, "VERB"):
            # "Insects then screech".
            continue
        start = position
        while start > 0 and texts.words[start - 1] not in FUNCTION_WORDS | {","} and position - start < 4:
            start -= 1
        previous, earlier = _word(texts.words, start - 1), _word(texts.words, start - 2)
        if (previous == "," and may_be(earlier, "ADJ")) or (previous == "of" and earlier in _KINDS):
            # "A static, scratchy sound", "a species of bird".
            continue
        modifiers = texts.words[start:position]
        # A verb before it may have an article of its own further left; a number, "s" or a pronoun is as good as one.
        if any(may_be(modifier, "VERB") and not modifier.endswith(("ing", "ed")) for modifier in modifiers):
            continue
        if _word(texts.words, start - 1) in (
            ",",
            "as",
            "while",
            "when",
            "then",
            "of",
            "by",
            "with",
            "from",
            "before",
            "after",
        ):
            yield position


_RULES: tuple[Callable[[_Texts], Iterator[int]], ...] = (
    _wrong_article,
    _singular_after_number,
    _number_without_noun,
    _singular_with_plural_verb,
    _be_with_base_form,
    _singular_with_are,
    _breaks_off,
    _two_verbs,
    _coordinated_with_singular_verb,
    _missing_article,
)
# What they find is wrong also where the original has it.
_SURE_RULES = (_article_before_a_verb, _plural_with_singular_verb)
_SOUND_VERBS = frozenset(VERBS)
