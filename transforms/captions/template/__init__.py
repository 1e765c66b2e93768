"""The template writer: a spatial caption without a language model, grammatical with any caption, no sound lost."""

from __future__ import annotations

import re
from collections.abc import Callable

from transforms.captions.check.place import check_place
from transforms.captions.lexicon.verbs import VERBS_WITH_S
from transforms.captions.phrases.prose import PlaceProse, place_prose
from transforms.captions.template.frames import FOR_LONG_CAPTIONS, QUOTED, SLOT, WITHOUT_CAPTION, fits, frames
from transforms.captions.template.mend import mend
from transforms.captions.template.plain import capital, is_plain_english, keeps_capital, plain_caption
from transforms.seeds import keyed_generator
from transforms.words import SpatialWords

__all__ = ["template_caption"]

_LONG_CAPTION_WORDS = 40
# Sentences that are drawn before the caption is quoted behind its place.
_TRIES = 30
_TWICE = re.compile(r"\b(\w+),? \1\b", re.IGNORECASE)
_SEVERAL = re.compile(r"\b(?:and|as|while|with|then|followed|before|after|over|when)\b|,|;")
# Who sounds and what he does, in a caption of one clause: "a small dog" "barks loudly".
_ACTOR = re.compile(r"(?P<actor>(?:an?|the|some) (?:[a-z]+ ){1,3}?)(?P<action>(?P<verb>[a-z]+s)\b.*)", re.IGNORECASE)


def template_caption(original: str, words: SpatialWords, seed: int) -> str:
    """One English sentence with the caption and every word of its place; the same seed gives the same sentence.

    Without a word of space it is the caption itself as a sentence, and without a caption a sentence about a sound.
    What is surely wrong in the caption is mended (`mend`).
    """
    generator = keyed_generator(seed, "caption-template")

    def draw(options: int) -> int:
        return int(generator.integers(1 << 32)) % options

    caption = plain_caption(original)
    if not words.present():
        return _as_sentence(mend(caption)) if caption else "A sound is heard."
    for _ in range(_TRIES):
        text = _sentence(caption, original, words, draw)
        # "Someone snores nearby, nearby" is for another draw.
        if check_place(text, original, words) is None and len(_TWICE.findall(text)) <= len(_TWICE.findall(caption)):
            return text
    # A caption whose end would run into the place ("..., not") keeps a full stop's distance from it.
    return f"{capital(place_prose(words, draw).whole)}: “{caption}”"


def _sentence(caption: str, original: str, words: SpatialWords, draw: Callable[[int], int]) -> str:
    place = place_prose(words, draw)
    told = caption
    shapes: tuple[str, ...]
    if not caption:
        shapes = WITHOUT_CAPTION
    elif not is_plain_english(original, caption):
        shapes = QUOTED
    else:
        told = mend(caption)
        shapes = _shapes(told)
    had = {name for name in ("spot", "room", "origin", "source", "kind") if getattr(place, name)}
    shapes = tuple(shape for shape in shapes if fits(shape, had))
    return _fill(shapes[draw(len(shapes))], told, place)


def _shapes(caption: str) -> tuple[str, ...]:
    if len(caption.split()) > _LONG_CAPTION_WORDS:
        return FOR_LONG_CAPTIONS
    shapes = frames(several=_SEVERAL.search(caption) is not None, within=_actor_and_action(caption) is not None)
    if keeps_capital(caption):
        return tuple(shape for shape in shapes if "{Caption}" in shape)
    return shapes


def _fill(shape: str, caption: str, place: PlaceProse) -> str:
    within = caption if not caption or keeps_capital(caption) else caption[:1].lower() + caption[1:]
    actor, action = _actor_and_action(within) or ("", "")
    values = {
        "caption": within,
        "quote": caption,
        "place": place.whole,
        "spot": place.spot,
        "room": place.room,
        "origin": place.origin,
        "source": place.source,
        "kind": place.kind,
        "actor": actor,
        "action": action,
    }
    values |= {name.capitalize(): capital(value) for name, value in values.items()}
    # In one pass, as a caption may itself hold the name of a slot.
    return SLOT.sub(lambda match: values[match[1]], shape)


def _actor_and_action(caption: str) -> tuple[str, str] | None:
    """Who sounds and what he does, where a caption of one clause surely says so."""
    match = _ACTOR.fullmatch(caption)
    if match is None or match["verb"].lower() not in VERBS_WITH_S or _SEVERAL.search(caption):
        return None
    return match["actor"].strip(), match["action"]


def _as_sentence(caption: str) -> str:
    text = caption[:1].upper() + caption[1:]
    return text if text[-1] in "?!" else f"{text}."
