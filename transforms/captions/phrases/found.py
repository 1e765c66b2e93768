"""A phrase of place in a text: what it says, and of whom."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.captions.phrases.grammar import Said

#: Kinds of phrases: of a spot, of a room with its noun, of a room but apart from its noun.
SPOT, ROOM, FREE = "spot", "room", "free"

#: After these words, "behind" or "near" has no object of its own and is said of the listener.
NO_OBJECT = frozenset(
    ", and or but as while whilst when then before after until once with without in inside within on at from to is "
    "are was were be there here where through across amid amidst followed following which that who all both came come "
    "comes coming heard sounds sounded rising rises rose somewhere off against over of toward towards just yet so "
    "still can".split()
)


@dataclass(frozen=True)
class Found:
    """A phrase of place in a text."""

    start: int
    """Its first word."""
    end: int
    """The word behind its last one."""
    kind: str
    """`SPOT`, `ROOM` (with its noun), or `FREE` (of a room, but apart from its noun)."""
    says: tuple[Said, ...]
    weakly: tuple[Said, ...] = ()
    of_another: bool = False
    """True where it is said of another thing than the listener: "behind the door"."""
    denies: tuple[Said, ...] = ()
    """What the phrase denies: "not far off"."""
    firm: bool = True
    """False for a room of which is not said that the sound is in it: it can contradict, not fulfil."""
    after: str = ""
    """What has to come before it, as in the grammar."""
    keeps: tuple[int, ...] = ()
    """Words inside the phrase that belong to no phrase of place: "tiled" in "a large tiled room"."""
