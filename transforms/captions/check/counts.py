"""How often and of how many: no sound is said more or less often, and one thing stays one."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from transforms.captions.check.senses import content_words
from transforms.captions.check.sound_words import CARRIERS, QUANTITIES, VACUOUS
from transforms.captions.lexicon.base_forms import base_forms, is_base_verb, lemmas, may_be
from transforms.captions.lexicon.kinship_words import GATHERINGS
from transforms.captions.lexicon.verbs import VERBS

_SOUND_VERBS = frozenset(VERBS)
_ONE = re.compile(r"(?<!\w)(?:an?|one|another|single) ([^\W\d]+)(?: ([^\W\d]+))?")
_REFERRING = frozenset(
    "it its they their them he his she her who which that both each again do other others another one ones itself "
    "someone somebody does "
    "did too".split()
)
# Words that tell of a sequence, or of another of the same.
_IN_TURN = frozenset("then followed following follows before after until preceded again another next later".split())
_VERB_LEFT_OUT = re.compile(
    r"(?<!\w)(?:then|and|by|before|after) (?:then |by )?(?:an?|another|the|some) (?:[^\W\d]+ )?[^\W\d]+ "
    r"(?=, |then |and then )"
)
_ANOTHER = re.compile(r"(?<!\w)another(?: one)? (?=,|and |while |as |with )")
# Words between a sound and what is said of it again; of more it need not be known.
_MOST_BETWEEN = 60
_MOMENTS = frozenset("as while when whenever".split())
_PRONOUNS = frozenset("he she they it".split())
_NUMBERS = frozenset("two three four five six seven eight nine ten 2 3 4 5 6 7 8 9 10".split())
_OTHERS = frozenset("another other others two several again more second each both".split())
_PLURAL_VERBS = frozenset("are were have".split())
_BEFORE_NOUNS = frozenset(
    "several some the of two three four five six 2 3 4 5 6 many these those its their with".split()
)


def says_less_often(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where the original says a word twice and the answer once, and nothing refers to it: "it", "both"."""
    times, times_before = _times(after, names), _times(before, names)
    missing = Counter(
        {name: number - times[name] for name, number in times_before.items() if number > 1 and number > times[name]}
    )
    if _shares_verb(after):
        # "A woman and a child are talking" says the verb of both once.
        missing -= Counter(name for name in missing if lemmas(name) & _SOUND_VERBS)
    if not _IN_TURN & set(before):
        # "Shaking, shaking and rattling": a slip of the writer, or one sound said by two words.
        missing -= Counter(name for name in missing for _ in before if _is_said_as_verb(name, before))
    # "A ball rolls around inside the machine": the machine was named before.
    missing -= Counter(
        names[word]
        for previous, word in itertools.pairwise(before)
        if previous == "the" and word in names and not lemmas(word) & _SOUND_VERBS
    )
    # "An adult male speaks, followed by another": the words that are left out may be all of a sound.
    for _ in _ANOTHER.finditer(" ".join(after)):
        missing -= Counter(set(missing))
    # "Plastic crinkles and thumps" names it once.
    missing -= Counter({names[word] for link, word in itertools.pairwise(before) if link == "and" and word in names})
    # "It" stands for both words of "vehicle engine".
    for first, second in set(itertools.pairwise(before)):
        if names.get(first) in missing and names.get(second) in missing and may_be(first, "NOUN"):
            missing.pop(names[first], None)
    # "Starts to sizzle again" and "starts up again" say both times.
    once_more = "again" in after and "again" in before
    return missing.total() > max(0, _referring(after) + _left_out(after) + once_more - _referring(before))


def _is_said_as_verb(name: str, words: Sequence[str]) -> bool:
    """Whether all words of the lemmas of a name stand as verbs: "rains raining"."""
    said = [word for word in words if lemmas(word) & lemmas(name)]
    return len(said) > 1 and all(may_be(word, "VERB") and word.endswith(("ing", "ed", "s", "hit")) for word in said)


def _left_out(words: Sequence[str]) -> int:
    """How often a verb is left out that the one before says: "a girl talked and then a man, and then …"."""
    return len(_VERB_LEFT_OUT.findall(" ".join(words)))


def says_more_often(before: Sequence[str], after: Sequence[str], names: Mapping[str, str]) -> bool:
    """True where the answer says a sound again that the original says once: "a man speaks, hissing, a man speaks"."""
    times, times_before = _times(after, names), _times(before, names)
    # A horn may honk; the same word comes twice only where it is said twice.
    forms = Counter(min(lemmas(word)) for word in content_words(after))
    twice = {names[word] for word in content_words(after) if forms[min(lemmas(word))] > 1}
    added = Counter({name: times[name] - times_before[name] for name in twice if times[name] > times_before[name] > 0})
    added -= Counter(_said_of_another_moment(after, names))
    if _shares_verb(before):
        added -= Counter(name for name in added if lemmas(name) & _SOUND_VERBS)
    return added.total() > max(0, _referring(before) - _referring(after)) or _tells_of_another(
        before, after, times_before
    )


def _tells_of_another(before: Sequence[str], after: Sequence[str], times_before: Mapping[str, int]) -> bool:
    """Whether the answer has another where the original tells of one: "a man speaks, followed by another"."""
    if not _ANOTHER.search(" ".join(after)) or _OTHERS & set(before):
        return False
    plural = any(lemma != word for word in before for lemma in base_forms(word).get("NOUN", ()))
    return not plural and all(times < 2 for times in times_before.values())


def _said_of_another_moment(words: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """The names of what is said again to tell when another sound is heard: "and birds called as he spoke"."""
    found = []
    last: dict[str, int] = {}
    for at, third in enumerate(words):
        first, second = words[max(0, at - 2)], words[max(0, at - 1)]
        name = names.get(third, "")
        is_named = second in ("each", "every") or (first in ("after", "before") and second == "the")
        if name in last and (is_named or (first in _MOMENTS and second in _PRONOUNS)):
            between = itertools.islice(words, last[name] + 1, min(at, last[name] + 1 + _MOST_BETWEEN))
            if is_named or len(content_words(list(between))) > 1:
                found.append(name)
        if name:
            last[name] = at
    return found


def _referring(words: Sequence[str]) -> int:
    """How many words stand for one that is said before."""
    return sum(word in _REFERRING for word in words)


def _shares_verb(words: Sequence[str]) -> bool:
    """Whether two share one verb: "a woman and a child are talking"."""
    return any(
        word == "and"
        and any(
            other in ("are", "were", "both") or (is_base_verb(other) and other in _SOUND_VERBS)
            for other in words[at + 2 : at + 5]
        )
        for at, word in enumerate(words)
    )


def _times(words: Sequence[str], names: Mapping[str, str]) -> Counter[str]:
    """How often each name of a content word comes, but for words that carry others or say nothing."""
    return Counter(
        names[word]
        for word in content_words(words)
        if not lemmas(word) & (CARRIERS | VACUOUS | QUANTITIES) and not set(base_forms(word)) <= {"ADV"}
    )


def changes_number(before: Sequence[str], after: Sequence[str]) -> bool:
    """True where a noun is one thing in the original and several in the answer, or the other way round."""
    one, several = _numbers(after)
    one_before, several_before = _numbers(before)
    return bool((one & several_before) - one_before or (one_before & several) - several_before)


def _numbers(words: Sequence[str]) -> tuple[set[str], set[str]]:
    """The words that follow "a" or "one", adjectives too, and the singulars of the words that are surely plural."""
    one = {
        word
        for match in _ONE.finditer(" ".join(words))
        for word in match.groups()
        # "A three-second burst" is of three.
        if word and not lemmas(word) & CARRIERS and match[1] not in _NUMBERS
    }
    return one, {
        lemma
        for position, word in enumerate(words)
        for lemma in base_forms(word).get("NOUN", ())
        # "A tools" is a slip of the writer, or lacks its mark: "a vehicles noise".
        if lemma != word and _is_plural(words, position) and words[max(0, position - 1)] not in ("a", "an")
        # "A swarm of bees" is a bee swarm.
        if words[max(0, position - 1)] != "of" or not lemmas(words[max(0, position - 2)]) & GATHERINGS
    }


def _is_plural(words: Sequence[str], position: int) -> bool:
    """Whether a word that can be a plural is one, and no verb: "crows" in "crows caw" and "the crows"."""
    if not may_be(words[position], "VERB"):
        return True
    following = words[position + 1] if position + 1 < len(words) else ","
    previous = words[position - 1] if position else ","
    # "Begins fast": a word that can be a verb, and is none.
    is_verb = is_base_verb(following) and not {"ADJ", "ADV"} & set(base_forms(following))
    return following in _PLURAL_VERBS or previous in _BEFORE_NOUNS or is_verb or following.endswith("ing")
