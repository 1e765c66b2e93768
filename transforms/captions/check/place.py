"""The check of the place: each word of space is said of the listener, once and surely, and none is contradicted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from transforms.captions.check.loose_place import LOOSE_WORDS, NO_PLACE, PARTICLE_VERBS, is_hedged
from transforms.captions.check.paraphrases import plain_words
from transforms.captions.check.roles import has_actors, is_of_all
from transforms.captions.lexicon.base_forms import lemmas
from transforms.captions.lexicon.verbs import VERBS
from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.parse import FREE, ROOM, SPOT, Found, find_phrases, without_phrases
from transforms.captions.phrases.room_words import ABSORBS, ANY_SOUND, DULL, ECHOES, OF_ROOMS, OWNERS
from transforms.words import VOCABULARY, SpatialWords

__all__ = ["PLACE_REASONS", "check_place", "compared_original", "repeats_place"]

#: The reasons of `check_place` beside those with an attribute in their name.
PLACE_REASONS = ("hedged_place", "place_of_another", "split_place")

# No text encoder reads further; what an original says beyond is not compared, so that no caption costs seconds.
_LONGEST_ORIGINAL_CHARS = 4000

# No caption has more phrases of place.
_MOST_PHRASES = 20

# A word of a clause that speaks of all the sounds: "all of it far away".
_ALL = frozenset("all both everything each together it".split())
_LINKS = frozenset("and while whilst as then before after with followed when but over until once".split())
# What may stand between the phrases of one place: "low down and right behind you".
_JOINS = frozenset((",", "and", "but", "yet", "all", "both"))

_LISTENERS = frozenset("you me us".split())
_ROOMS = frozenset("room space hall chamber walls wall acoustic acoustics".split())
_SOUND_VERBS = frozenset(VERBS)
# Nouns that stand for all the sounds, or for the echo itself: "each sound", "its echo".
_WHOLE = (ANY_SOUND - {"voice", "voices"}) | ECHOES | ABSORBS | OF_ROOMS
_APPROACH = frozenset("draw come move get drive".split())
_COMPARED = frozenset("closer nearer farther further".split())

#: An attribute and its word, such as ("direction", "left").
_Said = tuple[str, str]


def check_place(answer: str, original: str, words: SpatialWords) -> str | None:
    """The part of `check_caption` about the words of space, else None.

    What the original says of a place it may say again, as often as it did, but that does not say the row's word.
    Hard reasons come first: hedged, of another thing, contradicted, invented, split over two sounds; then missing.
    """
    return _Comparison(answer, compared_original(original), words).reason()


def compared_original(original: str) -> str:
    """The part of an original that an answer is held against, on one line."""
    return " ".join(original.split())[:_LONGEST_ORIGINAL_CHARS]


def repeats_place(answer: str, original: str) -> bool:
    """Whether the same phrase of place stands twice in a canonical answer and not in its canonical original."""
    tokens = answer.split()
    phrases = Counter(" ".join(tokens[found.start : found.end]) for found in find_phrases(answer) if found.says)
    return any(times > 1 and times > 1 + original.count(phrase) for phrase, times in phrases.items())


class _Comparison:
    """The places of an answer beside those of its original."""

    def __init__(self, answer: str, original: str, words: SpatialWords) -> None:
        self.demanded = words.present()
        self.text, self.before = canonical_text(answer), canonical_text(original)
        self.tokens = self.text.split()
        before = self.before.split()
        self.phrases_before = [
            self._without_dullness(self._without_particle(found, before), before) for found in find_phrases(self.before)
        ]
        self.phrases = [
            self._without_dullness(self._without_particle(found, self.tokens), self.tokens)
            for found in find_phrases(self.text)
        ]
        self.said_before = _said(self.phrases_before)

    def reason(self) -> str | None:
        if is_hedged(self.text, self.phrases, self.before):
            return "hedged_place"
        if self._is_of_another():
            return "place_of_another"
        contradicted = self._contradicted()
        if contradicted is not None:
            return contradicted
        if self._is_split():
            return "split_place"
        for attribute, word in self.demanded.items():
            if not self._is_said((attribute, word)):
                return f"missing_{attribute}"
        return None

    def _without_particle(self, found: Found, tokens: Sequence[str]) -> Found:
        """A phrase without what belongs to a verb: the "up" of "speeds up", or of the original's "pulls up"."""
        if _COMPARED & set(tokens[found.start : found.end]) and _COMPARED & set(self.before.split()):
            # "Moves closer and then farther away" tells of the sound's way.
            return replace(found, says=tuple(said for said in found.says if said[0] != "distance"))
        particle, verb = tokens[found.start], tokens[found.start - 1]
        if particle == "near" and lemmas(verb) & _APPROACH:
            return replace(found, says=tuple(said for said in found.says if said[0] != "distance"))
        if particle not in ("up", "down") or found.start == 0:
            return found
        if lemmas(verb) & PARTICLE_VERBS[particle]:
            return replace(found, says=tuple(said for said in found.says if said[0] != "elevation"))
        pairs = itertools.pairwise(self.before.split())
        if not any(second == particle and first[:4] == verb[:4] and verb != "," for first, second in pairs):
            return found
        return replace(found, says=tuple(said for said in found.says if said[0] != "elevation"))

    def _without_dullness(self, found: Found, tokens: Sequence[str]) -> Found:
        """A phrase without the "muffled" that the original says of its sound."""
        words = set(tokens[found.start : found.end])
        if found.kind != FREE or not DULL & words or words & (ECHOES | _ROOMS):
            return found
        if not {lemma for word in DULL & words for lemma in lemmas(word)} & set(_dull_lemmas(self.before)):
            return found
        return replace(found, says=tuple(said for said in found.says if said[0] != "reverberation"))

    def _is_of_another(self) -> bool:
        """Whether a place is told of another thing than the listener, and the original does not: "behind the door"."""
        own = Counter(_words_of_another(self.before, self.phrases_before))
        return bool(Counter(_words_of_another(self.text, self.phrases)) - own)

    def _contradicted(self) -> str | None:
        said, denied = _said(self.phrases), _denied(self.phrases)
        denied_before = _denied(self.phrases_before)
        loose = _loose(self.text, self.phrases) - _loose(self.before, self.phrases_before)
        for attribute in VOCABULARY:
            wanted = self.demanded.get(attribute)
            new = {word for key, word in (said - self.said_before) + loose if key == attribute}
            denials = {word for key, word in denied - denied_before if key == attribute}
            if wanted is None and (new | denials or self._is_taken(attribute)):
                return f"invents_{attribute}"
            if wanted is not None and (new - {wanted} or wanted in denials):
                return f"contradicts_{attribute}"
        return None

    def _is_taken(self, attribute: str) -> bool:
        """Whether the place of all begins with a word that the original says of one sound: "far off on your left"."""
        first = next(iter(_clusters(self.tokens, self.phrases, _JOINS - _ALL)), [])
        first_before = next(iter(self.phrases_before), None)
        if not first or first[0].start > 1 or (first_before and first_before.start <= 1):
            return False
        if not _LINKS & set(self.before.split()):
            return False
        own = {said for said in self.said_before if said[0] == attribute}
        taken = any(own & set(found.says) for found in first)
        return taken and any(_says(found, pair) for found in first for pair in self.demanded.items())

    def _is_said(self, wanted: _Said) -> bool:
        """Whether the answer says a word of the row, beyond what the original says of its own sounds."""
        if sum(_says(found, wanted) for found in self.phrases) > self.said_before[wanted]:
            return True
        # An original's own "in the distance" says the row's word where it has moved to the row's other words.
        own = {said for found in self.phrases_before for said in found.says}
        others = [pair for pair in self.demanded.items() if pair not in own]
        for cluster in _clusters(self.tokens, self.phrases, _JOINS - _ALL):
            if any(_says(found, wanted) for found in cluster):
                moved = cluster[0].start <= 1 and not (self.phrases_before and self.phrases_before[0].start <= 1)
                if moved or any(_says(found, other) for found in cluster for other in others):
                    return True
        return False

    def _is_split(self) -> bool:
        """Whether parts of the place are told of different sounds: "a cat meows far off and a child on the left"."""
        new = self._new_phrases()
        rooms = [found for found in new if found.kind == ROOM and found.says and not self._is_definite(found)]
        if len(rooms) > 1 and self._links_between(rooms[0], rooms[-1]):
            return True
        if self._has_sounds_of_its_own(new) or self._tells_of_one_sound(new) or self._begins_a_clause(new):
            return True
        clusters = [
            cluster
            for cluster in _clusters(self.tokens, new)
            if any(found.kind == SPOT and (found.says or found.weakly) for found in cluster)
        ]
        if len(clusters) > _MOST_PHRASES:
            return True
        for first, second in itertools.combinations(clusters, 2):
            if _values(first) <= _values(second) or _values(second) <= _values(first):
                continue
            within = any(self._has_sounds_on_both_sides(cluster) for cluster in (first, second))
            told_of_all = self.tokens[second[0].start - 1] in _ALL
            if told_of_all or not self._links_between(first[-1], second[0], 2):
                continue
            # "On your left a dog barks and a cat meows above you": one place is told of all, the other of the cat.
            if self.tokens[second[0].start - 1] != "," if first[0].start <= 1 else within:
                return True
        return False

    def _has_sounds_of_its_own(self, new: Sequence[Found]) -> bool:
        """Whether one sound has the spot and another the room: "a dog on your left, while a horse is in a room"."""
        clusters = _clusters(self.tokens, new)
        for first, second in itertools.pairwise(clusters):
            spot = all(found.kind == SPOT for found in first) and first[0].start > 1
            room = second[0].kind == ROOM and bool(second[0].says) and self.tokens[second[0].start - 1] != ","
            between = [word for word in self.tokens[first[-1].end : second[0].start] if word != ","]
            apart = bool({"while", "whilst"} & set(between[:1])) and len(between) > 2
            # "… while people talk, and the small room echoes" tells of the room of all.
            if spot and room and apart and not self._is_definite(second[0]):
                return True
        return False

    def _tells_of_one_sound(self, new: Sequence[Found]) -> bool:
        """Whether the echo is told of one sound of several: "a dog barks while a man speaks, his voice muffled"."""
        for found in new:
            if found.kind != FREE or not any(said[0] == "reverberation" for said in found.says):
                continue
            words = self.tokens[max(0, found.start - 2) : found.end]
            owned = (
                pair
                for pair in itertools.pairwise(words[:5])
                if (pair[1] not in _WHOLE or pair[0] in ("his", "her"))
                and (pair[0] in OWNERS or (pair[0] == "the" and lemmas(pair[1]) & _SOUND_VERBS))
            )
            owner, sound = next(owned, ("", ""))
            if sound and not is_of_all(sound, owner, plain_words(self.before).split()):
                return True
            # "A dog barks, muffled, while a man speaks": no word tells that both are.
            bare = self.tokens[found.start] in DULL | {"sounding"} and self.tokens[found.start - 1] == ","
            # "A dog barks, blurred by echo, while a man speaks."
            within = self.tokens[found.start - 1] == "," and self.tokens[found.end : found.end + 1] == [","]
            within = within and bool(_LINKS & set(self.tokens[found.end + 1 : found.end + 2]))
            bare = bare or (within and self.tokens[found.start].endswith(("ed", "ing", "own")))
            if bare and not self._is_before_all(found) and has_actors(self.before.split()):
                return True
        return False

    def _begins_a_clause(self, new: Sequence[Found]) -> bool:
        """Whether a spot is told of a later clause alone: "a man talks while, close by you, an engine runs"."""
        for cluster in _clusters(self.tokens, new):
            before, after = self.tokens[max(0, cluster[0].start - 2) : cluster[0].start], self.tokens[cluster[-1].end :]
            after = after[1:] if after[0] in _LISTENERS else after
            inserted = before[1:] == [","] and before[0] in _LINKS and after[:1] == [","] and len(after) > 2
            if inserted and all(found.kind == SPOT for found in cluster) and not self._is_before_all(cluster[0]):
                return True
        return False

    def _is_before_all(self, last: Found) -> bool:
        """Whether nothing but places stands before a phrase."""
        rest = set(range(last.start))
        for found in self.phrases:
            rest -= set(range(found.start, found.end))
        return {self.tokens[at] for at in rest} <= _JOINS

    def _new_phrases(self) -> list[Found]:
        """The phrases of the answer without those that it has from the original."""
        rest = [found for found in self.phrases if not found.of_another]
        before = self.before.split()
        for own in self.phrases_before[:_MOST_PHRASES]:
            around = set(before[max(0, own.start - 3) : own.end + 3])
            # Of several, the one among the words that the original has around it.
            alike = [
                (len(around & set(self.tokens[max(0, found.start - 3) : found.end + 3])), -number)
                for number, found in enumerate(rest[: 10 * _MOST_PHRASES])
                if found.says == own.says and found.says
            ]
            if alike:
                del rest[-max(alike)[1]]
        return rest

    def _is_definite(self, room: Found) -> bool:
        return "the" in self.tokens[room.start : room.start + 2]

    def _has_sounds_on_both_sides(self, cluster: Sequence[Found]) -> bool:
        before, after = self.tokens[: cluster[0].start], self.tokens[cluster[-1].end :]
        return all(any(word != "," for word in side) for side in (before, after))

    def _links_between(self, first: Found, second: Found, more_than: int = 0) -> bool:
        """Whether a link between clauses, and so many other words, stand between two phrases."""
        between = [word for word in self.tokens[first.end : second.start] if word != ","]
        return bool(set(between) & _LINKS) and len(between) > more_than


def _dull_lemmas(text: str) -> Iterable[str]:
    return (lemma for word in text.split() if word in DULL for lemma in lemmas(word))


def _words_of_another(text: str, phrases: Sequence[Found]) -> Iterable[str]:
    tokens = text.split()
    for found in phrases:
        if found.of_another and found.kind == SPOT:
            yield from (word for word in tokens[found.start : found.end] if word in LOOSE_WORDS)
    # "On its left", "to his right": the owner is not the listener.
    for owner, word in itertools.pairwise(tokens):
        if owner in ("his", "her", "its", "their", "another") and word in ("left", "right", "front", "rear"):
            yield f"{owner} {word}"


def _loose(text: str, phrases: Sequence[Found]) -> Counter[_Said]:
    """What a text says loosely when its phrases of place are taken out."""
    tokens = text.split()
    for found in phrases:
        # "Right at hand": the word strengthens the phrase that it stands before.
        if tokens[found.start - 1] == "right":
            tokens[found.start - 1] = ","
    rest = NO_PLACE.sub(" , ", without_phrases(" ".join(tokens), phrases))
    return Counter(LOOSE_WORDS[word] for word in rest.split() if word in LOOSE_WORDS)


def _says(found: Found, wanted: _Said) -> bool:
    """Whether a phrase fulfils a word of the row."""
    return not found.of_another and found.firm and (wanted in found.says or wanted in found.weakly)


def _said(phrases: Sequence[Found]) -> Counter[_Said]:
    """How often each word is said, of the listener or of a room."""
    counted = (found for found in phrases if not (found.of_another and found.kind == SPOT))
    return Counter(said for found in counted for said in set(found.says))


def _denied(phrases: Sequence[Found]) -> Counter[_Said]:
    return Counter(said for found in phrases for said in set(found.denies))


def _values(cluster: Iterable[Found]) -> set[_Said]:
    return {said for found in cluster for said in found.says}


def _clusters(tokens: Sequence[str], phrases: Sequence[Found], joins: frozenset[str] = _JOINS) -> list[list[Found]]:
    """Phrases that follow each other with no more than a comma or an "and" between them."""
    clusters: list[list[Found]] = []
    for found in phrases:
        if clusters and set(tokens[clusters[-1][-1].end : found.start]) <= joins:
            clusters[-1].append(found)
        else:
            clusters.append([found])
    return clusters
