"""Frames of a sentence: where a template puts the caption and its place."""

from __future__ import annotations

import re

# Slots: {place} is all of the place. {spot} is distance, height and side, {room} the room, {origin} the spot as it is
# said after "from", {source} that and the room, {kind} what the room is like: "small and echoing". A slot with a
# capital letter begins with one. A frame is taken only where the row has a word for each of its slots.

# The place after any caption, or around it.
_AFTER = (
    "{Caption}, {place}.",
    "{Caption}, heard {place}.",
    "{Caption}, as heard {place}.",
    "{Caption}, coming from {source}.",
    "{Caption}, as heard from {source}.",
    "{Caption}; it comes from {source}.",
    "{Caption}; you hear it {place}.",
    "{Caption}, the sound coming from {source}.",
    "{Caption}, with the sound coming from {source}.",
    "{Caption}, which you hear {place}.",
    "{Caption}, which comes from {source}.",
    "{Caption}, and you hear it {place}.",
    "{Caption}, and it comes from {source}.",
    "{Caption}, heard from {source}.",
    "{Caption}, heard {spot}; the room is {kind}.",
    "{Caption}, {spot}, and the room is {kind}.",
    "{Caption}, {spot}, in a room that is {kind}.",
    "{Caption}, coming from {origin}, in a room that is {kind}.",
    "{Caption}, coming from {origin}; the room around it is {kind}.",
    "{Caption}, heard {room}, {spot}.",
    "{Caption}, {room}, {spot}.",
    "{Caption}, {room}, coming from {origin}.",
    "{Caption}, heard {spot}, {room}.",
    "{Caption}, and you hear it {spot}, in a room that is {kind}.",
)
_AROUND = (
    "{Spot}, {caption}, {room}.",
    "{Room}, {caption}, {spot}.",
    "{Room}, {caption}, coming from {origin}.",
    "{Room}, {caption}, heard {spot}.",
    "From {origin}, {caption}, {room}.",
    "From {origin}, {caption}, in a room that is {kind}.",
    "{Spot}, {caption}, and the room is {kind}.",
    "{Spot}, {caption}, in a room that is {kind}.",
    "{Spot}, {caption}; the room is {kind}.",
)
_BEFORE = (
    "{Place}, {caption}.",
    "{Room}, {spot}, {caption}.",
    "From {source}, {caption}.",
    "Somewhere {place}, {caption}.",
    "Heard {place}: {caption}.",
    "From {source} comes this: {caption}.",
    "{Place}, you hear this: {caption}.",
    "{Room}, this comes from {origin}: {caption}.",
    "The room is {kind}, and {spot}, {caption}.",
    "The room is {kind}: {spot}, {caption}.",
)
# Sentences that begin with neither.
_NAMED = (
    "You hear a sound {place}: {caption}.",
    "There is a sound {place}: {caption}.",
    "A sound comes from {source}: {caption}.",
    "You hear a sound from {source}: {caption}.",
    "You hear it {place}: {caption}.",
    "It comes from {source}: {caption}.",
    "The sound comes from {source}: {caption}.",
    "This comes from {source}: {caption}.",
    "You hear this {place}: {caption}.",
)
_SEVERAL = (
    "{Caption}, all {place}.",
    "{Caption}, all heard {place}.",
    "{Caption}, all coming from {source}.",
    "{Caption}, all of it {place}.",
    "{Caption}, and all of it is {place}.",
    "{Caption}, and all of it comes from {source}.",
    "{Caption}; all of it comes from {source}.",
    "{Caption}; you hear all of it {place}.",
    "{Caption}, all {spot}, in a room that is {kind}.",
    "{Caption}, all {spot}, and the room is {kind}.",
    "{Caption}, all {room}, {spot}.",
    "{Spot}, {caption}, all {room}.",
    "{Room}, {caption}, all {spot}.",
    "{Room}, {caption}, all coming from {origin}.",
    "The sounds come from {source}: {caption}.",
    "You hear the sounds {place}: {caption}.",
)
# The place between who sounds and what he does: "a dog, far off on your left, barks".
_WITHIN = (
    "{Actor}, {place}, {action}.",
    "{Actor}, {spot}, {action} {room}.",
    "{Actor}, heard {place}, {action}.",
    "{Actor}, {spot}, {action}, {room}.",
    "{Actor} {spot} {action}, {room}.",
    "{Room}, {actor}, {spot}, {action}.",
)
#: For a caption that is no plain English phrase: a question, a quotation, another language.
QUOTED = (
    "Heard {place}: “{quote}”",
    "A sound {place}, described as “{quote}”",
    "{Place}, a sound described as “{quote}”",
)
WITHOUT_CAPTION = ("A sound {place}.", "A sound is heard {place}.", "{Place}, a sound is heard.")
#: A long caption is told after its place, so that a text encoder which cuts its input still reads the place.
FOR_LONG_CAPTIONS = ("Heard {place}: {caption}.", "There is a sound {place}: {caption}.")

SLOT = re.compile(r"\{(\w+)\}")
# The slots that every row fills.
_ALWAYS = {"caption", "place", "quote", "actor", "action"}


def frames(*, several: bool, within: bool) -> tuple[str, ...]:
    """The frames for a caption.

    Args:
        several: True for a caption of several sounds.
        within: True where it is known who sounds and what he does.
    """
    ordinary = (*_AFTER, *_AROUND, *_BEFORE, *_NAMED)
    return (*ordinary, *_SEVERAL) if several else (*ordinary, *(_WITHIN if within else ()))


def fits(frame: str, had: set[str]) -> bool:
    """Whether a row has a word for each slot of a frame; `had` names the slots that it can fill."""
    return {name.lower() for name in SLOT.findall(frame)} - _ALWAYS <= had
