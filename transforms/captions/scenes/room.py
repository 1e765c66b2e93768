"""What an answer says of the room, once for all the sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from transforms.captions.phrases.canonical import canonical_text
from transforms.captions.phrases.found import ROOM, SPOT, Found
from transforms.captions.phrases.parse import find_phrases
from transforms.captions.scenes.tokens import Tokens
from transforms.scene_words import SceneWords
from transforms.words import VOCABULARY

ROOM_ATTRIBUTES = ("room_size", "reverberation")


def check_room(tokens: Tokens, scene: SceneWords) -> str | None:
    """Why an answer tells the room wrongly: it contradicts, invents, lacks a word, or tells of two rooms; else None."""
    rooms = [found for found in tokens.phrases if found.kind != SPOT]
    before = [
        found
        for source in scene.sources
        for found in find_phrases(canonical_text(source.caption))
        if found.kind != SPOT
    ]
    said, own = _said(rooms), _said(before)
    denied = {said_one for found in rooms for said_one in found.denies} - {
        said_one for found in before for said_one in found.denies
    }
    missing = None
    for attribute in ROOM_ATTRIBUTES:
        wanted = getattr(scene, attribute)
        new = {word for (name, word) in said - own if name == attribute}
        denials = {word for name, word in denied if name == attribute}
        if wanted is None and (new or denials):
            return f"invents_{attribute}"
        if wanted is not None and (new - {wanted} or wanted in denials):
            return f"contradicts_{attribute}"
        firm = sum(_fulfils(found, attribute, wanted) for found in rooms)
        if wanted is not None and firm <= own[(attribute, wanted)] and missing is None:
            missing = f"missing_{attribute}"
    told = [found for found in rooms if found.kind == ROOM and found.says and not _is_definite(tokens, found)]
    if len(told) > 1:
        # "In a small room a dog barks while a man speaks in a small room": these may be two.
        return "split_place"
    return missing


def _said(rooms: Sequence[Found]) -> Counter[tuple[str, str]]:
    return Counter(said for found in rooms for said in set(found.says) if said[0] in VOCABULARY)


def _fulfils(found: Found, attribute: str, wanted: str | None) -> bool:
    said = (attribute, wanted)
    return wanted is not None and not found.of_another and found.firm and said in (*found.says, *found.weakly)


def _is_definite(tokens: Tokens, room: Found) -> bool:
    return bool({"the", "this", "that", "same"} & set(tokens.words[room.start : room.start + 3]))
