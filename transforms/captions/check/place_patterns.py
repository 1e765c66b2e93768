"""Patterns of the words of space: what says a word, what suggests it, and what denies it."""

from __future__ import annotations

import re

# Patterns are matched on the output of `canonical_text`: lower case, one space between tokens, "," for any punctuation.
# Every repeat has a bound, so that the time stays linear in the text.

_ROOM = r"(?:room|rooms|space|chamber|enclosure|hall)"

# What may stand between an adjective of size and the room that it is said of.
_BETWEEN = (
    r"(?: (?:,|and|but|yet|very|highly|acoustically|enclosed|closed|indoor|damped|dampened|deadened|dead|dry|"
    r"reverberant|reverberating|echoing|echoey|reverb|sized|size)){0,8}"
)

_OTHER_PLACE = r"(?:near|nearby|close|far|away|distant|up|down|high|low|upper|lower|above|below|top|bottom)"

_OWNER = r"(?:the|your|my|our|its|his|her|their)"

_SIDE = r"(?:side|hand|part|end|half|channel|ear|corner|area|section|portion|edge|rear|front|back|of|and)"

_NOT_RIGHT = (
    r"(?! (?:after|before|away|now|as|when|then|at|next|beside|by|near|in front|behind|above|below|there|here|up|"
    r"down|on|into|over|past|through|outside|overhead|back|along|underneath|beneath|until|where|while)\b)"
)

_NOT_LEFT = r"(?! (?:the|a|an|over|alone|behind|on|to idle|to run|running|idling|unattended|off|out|for|by)\b)"

# "In front of the man", "near a window" and "left of the door" are places beside other things, not the listener's.
_LISTENER = r"(?:listener|hearer|you|us|me|microphone)"

_NOT_OF_ANOTHER = rf"(?! of (?!(?:the |a |our )?(?:{_LISTENER}|room|space)\b))(?! of an? )"

_NOT_SIDE_OF_ANOTHER = (
    r"(?! (?:hand )?(?:side |part )?of (?:the|an?|his|her|its|their) "
    rf"(?!(?:[^\W\d]+ |, ){{0,6}}?(?:{_ROOM}|{_LISTENER})\b))"
)

_NOT_ANOTHER = (
    rf"(?! (?!(?:the |an? )(?:{_LISTENER}|left|right|front|back|rear|top|bottom|upper|lower|far|near|up|down|side)\b)"
    r"(?:the|an?|his|her|its|their|this|that|some) )"
)

_NOT_PITCHED = (
    r"(?! (?:pitch|pitched|frequency|frequencies|tone|toned|tones|note|notes|volume|speed|speeds|power|powered|"
    r"voice|key|hum|humming|rumble|rumbling|growl|whine|squeal|rpm|rate|end|quality|intensity|gear|winds?)\b)"
)


def _side(word: str, not_before: str) -> tuple[str, ...]:
    return (
        rf"(?:{_OWNER}|{_OTHER_PLACE}|,|by|off|slightly|to|from|front|back|rear) {word}\b"
        rf"{_NOT_SIDE_OF_ANOTHER}{not_before}",
        rf"{word}{_NOT_SIDE_OF_ANOTHER} (?:hand side|{_SIDE})\b",
        rf"{word}wards?\b|{word}most\b",
    )


def _size(adjectives: str) -> tuple[str, ...]:
    return (
        rf"(?:{adjectives})(?: sized| size)?{_BETWEEN} {_ROOM}",
        rf"{_ROOM} (?:that|which)? ?(?:is|was) (?:very |quite |rather )?(?:{adjectives})",
        rf"{_ROOM} of (?:{adjectives}) size",
    )


#: What is accepted as saying a word: attribute → word → patterns; the same say the opposite where they stand unasked.
SYNONYMS: dict[str, dict[str, tuple[str, ...]]] = {
    "direction": {
        "front": (
            r"(?:in|at|to|from|toward|towards|up) (?:the )?front\b(?! (?:door|yard|porch|desk|row|seat))"
            rf"{_NOT_OF_ANOTHER}",
            rf"{_OTHER_PLACE} front\b(?! (?:door|yard|porch|desk|row|seat))",
            r"(?<!in )front (?:side|part|end|half|of)",
            r"(?:straight|directly|right|just|from|up|far|close) ahead",
        ),
        "left": _side("left", _NOT_LEFT),
        "right": _side("right", _NOT_RIGHT),
        "back": (
            rf"(?:in|at|to|from|toward|towards|off|on|of) (?:{_OWNER} |{_OTHER_PLACE} ){{0,3}}back\b"
            r"(?! (?:and forth|again|to))",
            r"(?:the|far|near|upper|lower|distant|away|above|below) (?:and )?back\b(?! (?:and forth|again|to|ground))",
            r"back (?:side|part|end|half|of|wall|corner)",
            rf"(?<!left )behind\b{_NOT_ANOTHER}",
            r"(?:the|far|near|upper|lower|at|from|in) rear|rear (?:side|part|end|half|of)|rearwards?",
        ),
    },
    "elevation": {
        "up": (
            rf"above\b{_NOT_ANOTHER}",
            r"overhead|upper|upwards?|elevated|higher up|high up|up high|up above|from high|on high",
            rf"high{_NOT_PITCHED} (?:in|on|at|to|left|right|front|back|behind|and|,|over)",
            r"(?:near|nearby|far|away|close|the|way|from|is|are|located|situated|placed|,) up\b"
            r"(?! (?:close|front|the|a|and down|and running|to speed|in (?:speed|pitch|volume|intensity)))",
            r"up (?:on|to|at|in|from|toward) (?:the )?(?:left|right|back|rear|front)",
            r"up (?:left|right|back|behind|near|nearby|far|there|ahead|side)\b(?! and down)",
            r"(?:the|at|near|far) top(?: left| right| front| back| side| part)?\b(?! of)",
        ),
        "down": (
            rf"(?:below|beneath|underneath)\b{_NOT_ANOTHER}",
            r"lower|downwards?|low down|down low|down below|lower down",
            rf"low{_NOT_PITCHED} (?:in|on|at|to|left|right|front|back|behind|and|,)",
            r"(?:near|nearby|far|away|close|the|way|from|is|are|located|situated|placed|,) down\b"
            r"(?! (?:the|a|and up|in (?:speed|pitch|volume|intensity)))",
            r"down (?:on|to|at|in|from|toward) (?:the )?(?:left|right|back|rear|front)",
            r"down (?:left|right|back|behind|near|nearby|far|there|ahead|side)\b(?! and up)",
            r"(?:the|at|near|far) bottom(?: left| right| front| back| side| part)?\b(?! of)",
        ),
    },
    "distance": {
        "near": (
            rf"near\b{_NOT_ANOTHER}",
            r"nearby|nearest|close by|closeby|close up|close at hand|at close range|up close|close to",
            r"close (?:left|right|front|back|up|down|above|below|behind|in|on|and|,|side|distance|proximity)",
            r"(?:short|small|little|near) distance",
        ),
        "far": (
            r"(?<!so )(?<!as )(?<!thus )(?<!by )far\b(?! (?:too|more|less|as|better|louder))",
            r"faraway|afar|distant|distantly",
            r"(?<!short )(?<!small )(?<!close )(?<!little )(?<!near )distance",
        ),
    },
    "room_size": {
        "small": _size("small|tiny|little|compact"),
        "large": _size("large|big|huge|vast|spacious|great|enormous"),
    },
    "reverberation": {
        "dampened": (
            r"(?:acoustically |heavily |highly |well |very ){0,3}(?:dampened|damped|deadened)(?! (?:sound )?sources?)",
            r"(?:acoustically|sonically|very) (?:dry|dead)|dry sounding|dry acoustics?",
            r"sound (?:absorbing|absorbent)|echoless|(?:echo|reverb|reverberation) free",
        ),
        "reverberant": (
            r"(?:acoustically |highly |very |strongly ){0,3}(?:reverberant|reverberating|reverberates?|reverberations?|"
            r"reverberated|reverberantly|reverb)",
            r"(?:highly |very |strongly ){0,3}(?:echoing|echoey|echoes|echo|echoed|echoic)\b(?! (?:free|less))",
        ),
    },
}

# A room that a sound is not in: "near a small room", "in front of a large room", ", a large room in front of him".
ELSEWHERE = re.compile(
    r"(?<!\w)(?:in front of|(?!(?:in|inside|within|of|from|through|throughout|across|around|into|fill|fills|filling|"
    r"via|by|and|is|are|has|the|a|an|very)\b)(?:[^\W\d]+|,)) (?:an?|the) "
    r"(?:(?!(?:in|inside|within|of|from|to|is|are)\b)(?:[^\W\d]+|,) ){0,6}?"
    rf"{_ROOM}(?!\w)(?! (?:is filled|holds|contains|has|where|in which))"
)

# What says a word loosely: too little to count as said, enough to contradict another word or to be an invention.
_SUSPECTS: dict[str, dict[str, tuple[str, ...]]] = {
    "direction": {
        "front": (r"front|ahead|forwards?|in front",),
        "left": (rf"left\b{_NOT_LEFT}|left to right",),
        "right": (rf"(?<!all )right\b{_NOT_RIGHT}|right to left",),
        "back": (r"(?<!and forth )back\b(?! (?:and forth|to back|ground))|rear|(?<!left )behind|backwards?",),
        "other": (r"(?:the|its) (?:center|centre|middle)|centrally|all around|everywhere|every direction|both sides",),
    },
    "elevation": {
        "up": (r"above|over head|ceiling|skywards?|up and down|atop|topmost",),
        "down": (r"below|beneath|underneath|underground|basement|bottom",),
        "other": (r"(?:ear|eye|head) (?:level|height)|ground level|floor level",),
    },
    "distance": {
        "near": (r"near|next to|beside|alongside|adjacent|nearer|closer|closest|within reach|not far|proximity",),
        "far": (r"further|farther|farthest|furthest|remote|remotely|long way",),
        "other": (r"(?:moderate|medium|middle|mid) (?:distance|range)|midway|halfway",),
    },
    "room_size": {
        "small": _size("cramped|narrow|confined|minuscule"),
        "large": _size("wide|open|expansive|massive|cavernous|roomy|giant|grand|sizable"),
        "other": _size("mid|medium|moderate|moderately|average"),
    },
    "reverberation": {
        "dampened": (rf"(?:muffled|dull|soundproof|soundproofed|anechoic|dampening|quiet|dead|dry){_BETWEEN} {_ROOM}",),
        "reverberant": (r"resonant|resonating|resonates?|resounding|resounds?|booming",),
        "other": (),
    },
}

OF_ROOM = ("room_size", "reverberation")

_NEGATIONS = r"(?:not|no|non|never|without|nor|neither|nothing|isn't|aren't|wasn't|doesn't|less|little|minimal|lacking)"


def _compile(table: dict[str, dict[str, tuple[str, ...]]]) -> dict[str, dict[str, re.Pattern[str]]]:
    return {
        attribute: {
            # A lookbehind, not \b, before the word: patterns may begin with the comma that stands for punctuation.
            word: re.compile(rf"(?<!\w)(?P<no>{_NEGATIONS} (?:\w+ )??(?:\w+ )??)?(?:{'|'.join(patterns)})(?!\w)")
            for word, patterns in words.items()
            if patterns
        }
        for attribute, words in table.items()
    }


SAID = _compile(SYNONYMS)

SUSPECTED = _compile(_SUSPECTS)
