"""Phrases that tell what a room is like: its size, and how reverberant it is. `~` is read and never written."""

from __future__ import annotations

from transforms.captions.phrases.spot_phrases import Phrase, Said

SMALL, LARGE = ("room_size", "small"), ("room_size", "large")
DAMPENED, REVERBERANT = ("reverberation", "dampened"), ("reverberation", "reverberant")

#: What a room is called.
ROOMS = frozenset("room rooms space chamber hall enclosure interior".split())

#: Adjectives before a room, and what they say. Two words are one adjective: "dead-sounding".
ADJECTIVES: dict[str, tuple[Said, ...]] = {
    **dict.fromkeys(
        (
            "small tiny little compact cramped poky snug cosy cozy confined minuscule narrow teeny miniature petite "
            "claustrophobic titchy diminutive boxy"
        ).split(),
        (SMALL,),
    ),
    **dict.fromkeys(
        ("closet sized", "pocket sized", "bite sized", "cupboard sized", "close walled", "low ceilinged"), (SMALL,)
    ),
    **dict.fromkeys(
        (
            "large big huge vast spacious great enormous expansive massive roomy giant grand sizable sizeable immense "
            "gigantic ample cavernous colossal capacious sprawling"
        ).split(),
        (LARGE,),
    ),
    **dict.fromkeys(("barn sized", "hangar sized", "high ceilinged", "wide open"), (LARGE,)),
    **dict.fromkeys(
        (
            "dampened damped deadened dead dry muted absorbent echoless anechoic muffled dull soundproof soundproofed "
            "reverbless dampening hushed padded unreverberant nonreverberant unechoing deadening"
        ).split(),
        (DAMPENED,),
    ),
    **dict.fromkeys(
        (
            "dead sounding",
            "dry sounding",
            "dull sounding",
            "muffled sounding",
            "muted sounding",
            "damped sounding",
            "dampened sounding",
            "close sounding",
            "flat sounding",
            "sound absorbing",
            "sound absorbent",
            "sound deadened",
            "sound dampened",
            "sound damped",
            "sound deadening",
            "sound dampening",
            "sound proofed",
            "echo free",
            "reverb free",
            "reverberation free",
            "low reverb",
            "low echo",
            "heavily treated",
            "acoustically treated",
            "acoustically flat",
            "acoustically quiet",
            "acoustically muffled",
        ),
        (DAMPENED,),
    ),
    **dict.fromkeys(
        (
            "reverberant reverberating echoing echoey echoic resonant resonating ringing booming reverberative "
            "reverby resounding boomy echo echoy reverberous reverberent"
        ).split(),
        (REVERBERANT,),
    ),
    **dict.fromkeys(
        (
            "echo filled",
            "echo laden",
            "reverb heavy",
            "echo rich",
            "live sounding",
            "echo heavy",
            "acoustically live",
            "acoustically lively",
        ),
        (REVERBERANT,),
    ),
    **dict.fromkeys(
        (
            "medium",
            "moderate",
            "average",
            "midsize",
            "mid",
            "moderately",
            "medium sized",
            "mid sized",
            "average sized",
            "moderately sized",
            "normal sized",
        ),
        (("room_size", "other"),),
    ),
}

#: Words before a room that say nothing of it.
FILLERS = frozenset(
    (
        ", and but yet very highly acoustically enclosed closed indoor sized size rather quite fairly really extremely "
        "heavily strongly well so sonically somewhat too deeply notably noticeably thoroughly richly same single one "
        "very completely fully almost utterly pretty sort scale type style "
    ).split()
)

#: What stands before a room that the sound is in.
INSIDE = frozenset(
    "in inside within of from through throughout around into fill fills filling filled via about along off".split()
)
DETERMINERS = frozenset("a an the this that your our my one some what is another such".split())

_SOUND = (
    "(sound|sounds|echo|echoes|noise|noises|reverberation|reverb|resonance|it|them|everything|everything else|all of it|"
    "every sound|each sound|all sound|any echo|every echo|the sound|the sounds|the noise|the echo|the echoes|any sound|"
    "voices|all echo|any reverberation|every noise|its sound|their sound|most sound|most of the sound|all resonance)"
)
_IT = (
    "(everything|it all|all of it|all of this|every sound|each sound|the sound|the sounds|all|sound|sounds|every note|"
    "each note|the noise|its noise|its sound|their noise|their sound|their sounds|their voices|its voice|his voice|"
    "her voice|the voice|the voices|voices|noise|the whole thing|it|each|both|every word|every noise|every stroke|"
    "every beat|every blow|every crack|the whole|every one|each one|the music|the notes|its sounds|whatever sounds|"
    "everything in it|which)"
)
_MUCH = (
    "(strong|long|heavy|lots of|a lot of|plenty of|rich|lingering|deep|loud|noticeable|clear|marked|pronounced|much|"
    "considerable|generous|ample|great|bright|intense|obvious|audible|thick|prolonged|ringing|big|high|a long|a strong|"
    "a heavy|a deep|a rich|a lingering|a pronounced|a marked|a great deal of|a good deal of|a noticeable|a clear|"
    "a generous|a big|an obvious|an audible|its own|its|an|the|its long|its own long)"
)
_ECHO = (
    "(echo|echoes|reverb|reverberation|reverberations|resonance|reverb tail|echo tail|decay|reverberant tail|tail|"
    "ringing echo|ringing echoes|lingering echo|lingering echoes|reverberant acoustics|lively acoustics|live acoustics|"
    "reverberant sound|echoing acoustics|echoey acoustics|resonant acoustics|after ring|reverberance)"
)
_NO = (
    "(no|little|very little|almost no|hardly any|barely any|next to no|scarcely any|practically no|virtually no|minimal|"
    "not much|too little|scant|zero|so little|no real|no audible|no noticeable|hardly a trace of|barely a trace of|not a trace of|"
    "barely a hint of|hardly a hint of|nearly no|hardly an|scarcely an|barely an|the faintest|not an|not a hint of|"
    "almost none of the|not any|low|limited|reduced|so much as no|next to none of the|scarcely a|hardly a|barely a)"
)
_DRY = (
    "(dry|dead|deadened|muted|dampened|damped|dull|muffled|absorbent|soft|very dry|very dead|acoustically dead|flat|"
    "heavily damped|heavily dampened|well damped|sound absorbing|close|tight and dry|highly dampened|dried|unresonant)"
)
_SPEAK = "[~(to speak of|at all|whatsoever|of any kind|in it|to it|worth the name|about it|or reverberation|or reverb|or echo|of its own|left|around it|worth mentioning|worth noting)]"
_ROOM = "(room|space|walls|hall|chamber|place|air|acoustics|ceiling|surfaces|enclosure)"
_THE_ROOM = f"(the {_ROOM}|its walls|its {_ROOM}|their walls|every wall|the walls and ceiling|the (close|bare|hard|far|distant|high) walls|four walls|every surface)"

#: Phrases of reverberation that stand for themselves, behind a room or beside it.
PHRASES: tuple[Phrase, ...] = (
    Phrase(
        f"~[(and|but|yet)] (with|in|to|of|has|having|offering|giving|gives|gave|leaving|leaves|shows|showing|lending|carries|carrying|holds|holding|makes|made|there is|there was|and) {_NO} [(discernible|audible|noticeable|real|lingering|perceptible|trace of|hint of|sense of|sign of|appreciable)] {_ECHO} {_SPEAK}",
        (DAMPENED,),
    ),
    Phrase(f"~{_NO} {_ECHO} {_SPEAK}", (DAMPENED,)),
    Phrase(
        f"~[and] without [(any|an|a|much|a hint of|a trace of|so much as an|even an|a single|the least|a touch of|audible|real|a bit of|the slightest|the faintest)] {_ECHO} {_SPEAK}",
        (DAMPENED,),
    ),
    Phrase(
        f"~[(almost|nearly|quite|entirely|wholly|largely|completely)] (free of|free from|devoid of|lacking|lacking in|empty of|bare of|void of|stripped of) [(any|all|much|an)] {_ECHO}",
        (DAMPENED,),
    ),
    Phrase(
        f"~(with|has|having|in|of|by|and) [(its|the|a|very|such)] {_DRY} (acoustics|acoustic|sound|walls|air|surfaces|character|feel|response)",
        (DAMPENED,),
    ),
    Phrase(
        f"~(that|which|whose (walls|surfaces|acoustics|air)|where the (walls|air|surfaces|room)|it|and|the walls|the room|its walls|walls that|as the (walls|room)) [(quickly|all|soon|quietly|just|simply|almost|nearly|heavily|largely)] (swallows|swallow|swallowed|swallowing|absorbs|absorb|absorbed|soaks up|soak up|soaked up|deadens|deaden|deadened|dampens|dampen|dampened|drinks up|drink up|drank up|drinks in|drinks|drank|eats|eat|ate|eats up|muffles|muffle|muffled|kills|kill|killed|smothers|smother|smothered|stifles|stifle|stifled|damps|damped|mutes|dulls|hushes|softens|takes in|mops up|sucks up|sucks in) [(all|every|each|any|most of|nearly all|almost all|almost every|up)] [(the|its|their|of the|of)] {_SOUND}",
        (DAMPENED,),
    ),
    Phrase(
        "~(that|which|where|and|it|so) [(the walls|nothing|the sound|sound|sounds|everything|the room|every sound|each sound)] (does not|do not|doesn't|don't|did not|didn't|never|barely|hardly|scarcely) [at all] (echo|echoes|echoed|ring|rings|rang|reverberate|reverberates|reverberated|resonate|resonates|answer|answers|lingers|linger|lingered|carry|carries)",
        (DAMPENED,),
    ),
    Phrase(
        "~(where|so that|and|with|as) (nothing|no sound|none of it) (echoes|rings|rang|lingers|lingered|echoed|reverberates|reverberated|carries|carried|comes back|came back|bounces back|ringing|echoing|lingering|coming back|bouncing back|reverberating|returning|returns)",
        (DAMPENED,),
    ),
    Phrase(
        "~(where|and|as) [(the|every|each|all|any)] (sound|sounds|noise|echo|echoes|everything) (dies|die|died|stops|stop|stopped|vanishes|vanished|fades|fade|faded|falls|fell) (at once|quickly|dead|right away|away at once|immediately|straight away|fast|instantly|short|flat|away quickly|away fast)",
        (DAMPENED,),
    ),
    Phrase(
        "~(acoustically|sonically|very|highly|heavily|well) (dry|dead|damped|dampened|deadened|absorbent)", (DAMPENED,)
    ),
    Phrase("~[(acoustically|heavily|highly|well|very)] (dampened|damped|deadened)", (DAMPENED,)),
    Phrase("~(echoless|anechoic|unechoing|echo free|dry sounding|dead sounding|dry acoustics)", (DAMPENED,)),
    Phrase(
        f"~(full of|filled with|alive with|thick with|rich in|rich with|heavy with|awash with|awash in|loud with|bathed in|ringing with|rich|abounding in|swimming in|swimming with|drenched in|steeped in) [{_MUCH}] [(its|their|the)] {_ECHO}",
        (REVERBERANT,),
    ),
    Phrase(
        f"~(with|has|having|in|amid|through|leaving|trailing|leaves|giving|gives|to|by|and) {_MUCH} [(ringing|lingering|strong|long|audible|clear|marked|echoing)] {_ECHO} [(around|about) (it|them|you)]",
        (REVERBERANT,),
    ),
    Phrase(
        f"~(with|in|amid|by) {_ECHO} [(ringing|lingering|all around|trailing|around it|behind it|after it|to spare|bouncing off {_THE_ROOM})]",
        (REVERBERANT,),
    ),
    Phrase(
        f"~(that|which|where|and|so|as) [{_IT}] [(still|loudly|strongly|all|long|always|really|richly|heavily|clearly|noticeably)] (echoes|echo|echoed|rings|ring|rang|reverberates|reverberate|reverberated|resounds|resound|resounded|booms|boom|boomed|lingers|linger|lingered|resonates|resonate|resonated|hangs in the air|hung in the air|bounces|bounced|carries on) [(with [{_MUCH}] {_ECHO}|strongly|loudly|a lot|on|long|a great deal|for a long time|a while|and rings|off {_THE_ROOM}|around {_THE_ROOM}|through {_THE_ROOM}|richly|heavily|noticeably|clearly|much|back|on and on)]",
        (REVERBERANT,),
    ),
    Phrase(
        f"~[{_IT}] (ringing|echoing|reverberating|resounding|bouncing|lingering|echoed|resonating|booming|carrying|rebounding|coming back) [(loudly|strongly|long|on|richly|heavily|all)] [(with|in)] [{_MUCH}] ({_ECHO}|(around|off|through|back|all around|across|between|from|about|against|back from|back off|over|in) {_THE_ROOM})",
        (REVERBERANT,),
    ),
    Phrase(
        f"~{_IT} (ringing|echoing|reverberating|resounding|lingering|echoed) [(loudly|strongly|long|on|out)]",
        (REVERBERANT,),
    ),
    Phrase(
        f"~[{_IT}] [(bouncing|rebounding|coming|ringing|thrown|echoing|reflecting)] (off|back off) {_THE_ROOM}",
        (REVERBERANT,),
    ),
    Phrase(
        "~[(acoustically|highly|very|strongly)] (reverberant|reverberating|reverberates|reverberate|reverberation|reverberations|reverberated|reverberantly|reverb|echoing|echoey|echoes|echo|echoed|echoic|resonant|resonating|resonates|resounding|resounds)",
        (REVERBERANT,),
    ),
)
