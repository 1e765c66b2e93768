"""Words that speak of rooms and their echo, wherever they stand beside a phrase that does."""

from __future__ import annotations

#: Echo, as a noun and as a verb.
ECHOES = frozenset(
    (
        "echo echoed echoes echoing rebound rebounds reflections resonance reverb reverberate reverberates "
        "reverberating reverberation reverberations"
    ).split()
)

#: Words that take an echo away and need no word for echo beside them.
ABSORBS = frozenset(
    (
        "absorb absorbed absorbent absorbing absorbs cushioned damped dampen dampened dampening dampens "
        "deaden deadened deadening deadens drapery dulled hushed insulated muffle muffled muffles padding "
        "smother smothered smothers soak soaked soaks soundproofed stifle stifled stifles swallow swallowed "
        "swallowing swallows upholstery"
    ).split()
)

#: How a sound is that has no echo, and what an original may say of one of its sounds.
DULL = frozenset(
    "dull dulled muffled muted deadened dead damped dampened hushed softened stifled smothered subdued".split()
)

#: Who has a sound: "its roar", "each splash".
OWNERS = frozenset("its his her their each every".split())

#: Words for any sound.
ANY_SOUND = frozenset(
    "sound sounds noise noises note notes word words voice voices one beat blow stroke step bit part thing own".split()
)

#: Words that take an echo away, where one is named.
QUIETS = ABSORBS | frozenset(
    (
        "against almost barely blot blots choke chokes dead devoid die died dies drink drinks dry eat eats "
        "extinguish extinguishes free hardly kill killed kills lack lacking lacks little mute muted mutes "
        "never no none not nothing nowhere quench quenches scarcely still stills tame tamed tames without"
    ).split()
)

#: How a clause about a room begins, right behind the room.
CLAUSES = frozenset(
    (
        "answers bathed cushioned draped dulled filled full furnished gives hung insulated keeps leaves lets "
        "lined makes offers padded returns sends so that thick throws turns where which whose with wrapped"
    ).split()
)

#: Words that go with a phrase of a room, and say nothing of a sound.
OF_ROOMS = frozenset(
    (
        "a about absorb absorbs acoustic acoustically acoustics across again air alive all altogether an and "
        "another answer answered answers any are around as away back bare be because behind big blanket "
        "blankets bloom blooms booming bounce bounced bounces bouncing breadth broad by carpet carpets "
        "carried carries carry ceiling clear close corners curtain curtains cushion cushions dampening "
        "damping deal deep depths die died dies drape drapery drapes dying each empty enclosed end ends "
        "enormous escaped escapes every everything fade faded fades fill filled fills flat foam from full "
        "furnishings gave generous give gives giving go goes going great had hang hangings hangs hard has "
        "have heavily heavy height heights held hint hold holds hung hurl hurled hurls hush immense in inside "
        "into is it its keep keeps kept large lasting length let lets lined linger lingered lingering lingers "
        "live lived liveliness lively lives long loud made make makes more much not nothing of off offer "
        "offered offers on once one onto onward other out overlapping padded panel panels pile piles "
        "procession quick quickly reflect reflected reflection reflects remained remains return returned "
        "returning returns rich rolling rolls room see send sends sent set short since size slow slowly small "
        "so soft sound sounds space stayed stays steeped stillness strong strongly surface surfaces "
        "surrounded survive survives swallow swallowed swallows tail tall tapestries tapestry than that the "
        "their them there thick this threw through throw thrown throws to too trace trail trailing trails "
        "turn turned turns up upon wall walls was were whatever whatsoever where which whose wide width will "
        "with within would wrapped you"
    ).split()
)
