"""Readings of captions as a careful reader writes them, and readers that lie or slip."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

from prompts import PHRASES
from tests.chat_server import asked_for
from transforms.words import VOCABULARY


def reading_of(
    *sounds: str,
    relative_to: str = "listener",
    one_place: bool = True,
    certain: bool = True,
    extra: tuple[str, ...] = (),
    **places: str,
) -> dict[str, Any]:
    """A reading as plain values.

    Args:
        sounds: `quote`, `quote => plain` or `quote => plain @ moment`.
        places: attribute → `word: quote`.
    """
    placed = {}
    for attribute in VOCABULARY:
        word, _, quote = places.get(attribute, "").partition(": ")
        placed[attribute] = {"value": word, "quote": quote} if word else None
    listed = []
    for sound in sounds:
        quote, _, rest = sound.partition(" => ")
        plain, _, moment = (rest or quote).partition(" @ ")
        listed.append({"quote": quote, "plain": plain, "moment": int(moment or 1)})
    others = {"relative_to": relative_to, "one_place": one_place, "certain": certain, "extra": list(extra)}
    return {**placed, **others, "sounds": listed}


def with_slips(reading: dict[str, Any], caption: str, share: float, draws: random.Random) -> dict[str, Any]:
    """The reading with an error in this share of its fields, drawn at random."""
    slipped, words = copy.deepcopy(reading), caption.split()
    for attribute, values in VOCABULARY.items():
        if draws.random() < share:
            start = draws.randrange(len(words))
            quote = (slipped[attribute] or {}).get("quote") or " ".join(words[start : start + draws.randint(1, 4)])
            value = draws.choice([*values, None])
            slipped[attribute] = None if value is None else {"value": value, "quote": quote}
    if draws.random() < share:
        slipped["relative_to"] = draws.choice(("listener", "other", "nothing"))
    for flag in ("one_place", "certain"):
        slipped[flag] ^= draws.random() < share
    if draws.random() < share:
        slipped["extra"] = [] if slipped["extra"] else [words[0]]
    for sound in slipped["sounds"]:
        if draws.random() < share:
            sound["moment"] = draws.randint(1, 4)
        if draws.random() < share:
            plain = sound["plain"].split()
            plain.pop(draws.randrange(len(plain)))
            sound["plain"] = " ".join(plain) or "something"
        if draws.random() < share:
            sound["quote"] = caption
    return slipped


def lie(caption: str, draws: random.Random) -> str:
    """A reply that a hostile judge gives: garbage, broken JSON, or a well-formed reading of what is not there."""

    def piece() -> str:
        words = caption.split()
        start = draws.randrange(len(words))
        return " ".join(words[start : start + draws.choice((1, 2, 3, 4, len(words)))])

    kind = draws.random()
    if kind < 0.1:
        return draws.choice(("yes", "true", "", "{}", "[]", "null", "keep", '{"kept": true}', "{" * 2000, caption))
    places = {name: f"{draws.choice(words)}: {piece()}" for name, words in VOCABULARY.items() if draws.random() < 0.6}
    sounds = [f"{piece()} => {piece()} @ {draws.randint(1, 3)}" for _ in range(draws.randint(1, 4))]
    if draws.random() < 0.5:
        # The whole caption as one sound leaves no word outside of a quote.
        sounds.append(caption)
    reading = reading_of(*sounds, relative_to=draws.choice(("listener", "listener", "nothing", "other")), **places)
    reading["certain"], reading["one_place"] = draws.random() < 0.9, draws.random() < 0.9
    text = json.dumps(reading)
    if kind < 0.2:
        return text[: draws.randrange(len(text))]
    return f"```json\n{text}\n```" if kind < 0.3 else text


#: A word that no lexicon knows, so that the check doubts an answer that holds it.
UNKNOWN = "zorblingly"
_PHRASE_OF = {
    (attribute, word): phrase.lower() for attribute, words in PHRASES.items() for word, phrase in words.items()
}


def doubtful(message: str, number: int) -> str:
    """What a writer answers whose place is right, and said with a word that the check does not know."""
    caption, place = asked_for(message)
    return f"{caption}, {UNKNOWN} {place}." if place else f"{caption}."


def careful(message: str, number: int) -> str:
    """What a good judge replies about an answer of `doubtful`."""
    found = re.search(r'Caption: "(.*)"', message)
    assert found is not None
    sound, _, place = found[1].rstrip(".").rpartition(f", {UNKNOWN} ")
    parts = re.split(r", (?:in an? )?|^in an? ", place.removesuffix(" room"))
    parts = [part for part in parts if part]
    places = {attribute: f"{word}: {phrase}" for (attribute, word), phrase in _PHRASE_OF.items() if phrase in parts}
    # The unknown word belongs to the first phrase of the place.
    first = next(name for name, quoted in places.items() if quoted.endswith(f": {parts[0]}"))
    word, _, quote = places[first].partition(": ")
    places[first] = f"{word}: {UNKNOWN} ... {quote}"
    relative_to = "listener" if {"direction", "elevation", "distance"} & set(places) else "nothing"
    return json.dumps(reading_of(sound, relative_to=relative_to, **places))


def writer_and_judge(message: str, number: int) -> str:
    """A server that is asked by both: what the writer's prompt and what the judge's prompt want."""
    return careful(message, number) if message.endswith("JSON:") else doubtful(message, number)
