"""Phrases that tell where a sound is from the listener: side, height and distance.

Each entry names the words of space that the phrase says. A phrase can say a word weakly ("just behind you" is near):
a weak word fulfils what a row demands and contradicts nothing. `~` marks what is read and never written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Attribute and word, such as ("direction", "left").
Said = tuple[str, str]

FRONT, LEFT, RIGHT, BACK = (("direction", word) for word in ("front", "left", "right", "back"))
UP, DOWN = ("elevation", "up"), ("elevation", "down")
NEAR, FAR = ("distance", "near"), ("distance", "far")


@dataclass(frozen=True)
class Phrase:
    """A phrase of the grammar."""

    notation: str
    says: tuple[Said, ...] = ()
    weakly: tuple[Said, ...] = ()
    #: What has to follow: "spot" (another phrase of this table), "room", or "stop" (a comma or a link between clauses).
    before: str = ""
    #: What has to stand before it: "spot" or "stop".
    after: str = ""
    #: False for a preposition, after which a noun is another thing: "behind the door".
    whole: bool = True
    #: Words inside the phrase that say something of their own: "to the far left".
    inner: dict[str, Said] = field(default_factory=dict)


#: What the notation of the phrases refers to.
DEFINITIONS = {
    "you": (
        "(you|~us|~me|~(the|a) (listener|hearer|microphone|mic|recorder|recordist|observer|audience member)|~listener|"
        "~the listening (position|point|spot)|~where (you|we|i) (are|am|sit|stand|listen)|"
        "~(your|our|my) (head|body|position|seat|chair|spot|feet|back|face|ears))"
    ),
    "own": "(your|the|~my|~our|~(the|a) listener|~(the|a) hearer|~your own|~our own|~own|~yr)",
    "your": "(your|~my|~our|~the listener|~the)",
    "at": (
        "(on|to|from|~at|~off to|~over to|~over on|~over at|~toward|~towards|~by|~along|~in|~into|~out to|~away to|"
        "~around to|~round to|~across to|~off on|~off at|~over by|~out on|~near|~close to|~close by|~right by|~beside|"
        "~next to|~against|~of|~past|~just to|~immediately to|~directly to|~well to|~straight to)"
    ),
    "side": (
        "[~(hand side|hand|side|ear|shoulder|elbow|flank|part|end|half|corner|area|section|portion|edge|wall|channel|"
        "quarter|front|back|rear|and front|and back|and rear|hip|cheek|temple)]"
    ),
    "mods": (
        "[~(far|near|close|nearby|distant|upper|lower|high|low|up|down|extreme|immediate|very|hard|far upper|far lower|"
        "near upper|near lower|far up|far down|near up|near down|distant upper|distant lower|upper far|lower far|"
        "front|back|rear|near front|far front|far back|near back|far high|far low|close up|close down|back far)]"
    ),
    "very": "[~(very|so|quite|fairly|rather|pretty|really)]",
    "little": "[~(just|right|directly|straight|squarely|immediately|slightly|dead|almost directly|close)]",
    "long": (
        "(long|good|great|considerable|fair|~good long|~very long|~very great|~decent|~healthy|~substantial|~big|~large|"
        "~sizeable|~sizable|~significant|~vast|~remote|~far|~certain)"
    ),
    "steps": "(feet|steps|paces|inches|~metres|~meters|~yards|~centimetres|~centimeters|~foot|~hand widths)",
    "few": "(a few|~a couple of|~two|~three|~two or three|~a foot or two of|~just a few|~only a few|~mere|~a mere few)",
}

_INNER_SIDE: dict[str, Said] = {
    "far": FAR,
    "distant": FAR,
    "near": NEAR,
    "close": NEAR,
    "nearby": NEAR,
    "upper": UP,
    "high": UP,
    "up": UP,
    "lower": DOWN,
    "low": DOWN,
    "down": DOWN,
    "front": FRONT,
    "back": BACK,
    "rear": BACK,
}


def _side(word: str, said: Said) -> tuple[Phrase, ...]:
    other = "right" if word == "left" else "left"
    return (
        Phrase(f"<at> <own> <mods> {word} <side>", (said,), inner=_INNER_SIDE),
        # "By your left ear" is near as well.
        Phrase(
            f"(~at|by|close to|right beside|~near|~next to|~in|~into|~against|~beside|~right at|~right by|~right next to) "
            f"<your> {word} (ear|shoulder|elbow|~hand|~cheek|~temple)",
            (said,),
            (NEAR,),
        ),
        Phrase(f"(~in|~into) <your> {word} ear", (said,), (NEAR,)),
        Phrase(f"over <your> {word} shoulder", (said,), (BACK,)),
        Phrase(f"[~(to|on)] {word} of <you>", (said,)),
        Phrase(f"(~to|from|~on|~at) {word}", (said,), before="stop"),
        Phrase(f"{word} hand side", (said,)),
        Phrase(f"<at> <own> {word} (hand|side)", (said,)),
        Phrase(f"{word} (side|hand|channel|ear|flank)", (said,), after="spot"),
        Phrase(f"({word}ward|{word}wards|{word}most)", (said,)),
        # A list of words: "near, left, in a small room".
        Phrase(
            f"[~(far|near|close|upper|lower|high|low|up|down|front|back|rear|to the|toward the)] {word}",
            (said,),
            before="stop",
            after="stop",
            inner=_INNER_SIDE,
        ),
        Phrase(f"(far|near|close|nearby|upper|lower|distant) {word}", (said,), inner=_INNER_SIDE),
        Phrase(f"(~in the|~from the|~at the|~to the) (front|back|rear) {word}", (said,), inner=_INNER_SIDE),
        Phrase(f"between <own> {word} and <own> {other}", (("direction", "other"),)),
    )


#: Every phrase of a spot.
PHRASES: tuple[Phrase, ...] = (
    # Side.
    *_side("left", LEFT),
    *_side("right", RIGHT),
    Phrase("<little> in front of <you>", (FRONT,)),
    Phrase("in front", (FRONT,), whole=False),
    Phrase("(straight|directly|~dead|right|~just|~straight on|~directly on) ahead [of <you>]", (FRONT,)),
    Phrase("[up] ahead of <you>", (FRONT,)),
    Phrase("~before (you|us|me|the listener)", (FRONT,)),
    Phrase("[~(up|out|far|close|just|from)] ahead", (FRONT,), whole=False, inner={"far": FAR, "close": NEAR}),
    Phrase("(~at|to|from|~toward|~towards|~in|~on) <own> <mods> front [~(side|part|end|half)] [~of <you>]", (FRONT,)),
    Phrase("(at|to|from|in) front", (FRONT,), before="stop"),
    Phrase("front (side|part|end|half|and center|and centre)", (FRONT,)),
    Phrase("up front", (FRONT,), (UP,), before="stop"),
    Phrase("up in front [of <you>]", (FRONT,), (UP,)),
    Phrase("facing <you>", (FRONT,)),
    Phrase("(in|into|~to) <your> face", (FRONT,), (NEAR,)),
    Phrase("opposite <you>", (FRONT,)),
    Phrase("(before|in front of) <your> (face|eyes|nose)", (FRONT,), (NEAR,)),
    Phrase("(far|near|close|upper|lower|up|down|nearby|high|low) front", (FRONT,), before="stop", inner=_INNER_SIDE),
    Phrase("[~(from|at)] front", (FRONT,), before="stop", after="stop"),
    Phrase("<little> behind <you>", (BACK,)),
    Phrase("behind <your> (back|head|ear|shoulder|chair|seat|left ear|right ear)", (BACK,)),
    Phrase("at <your> (back|heels)", (BACK,)),
    Phrase("over <your> shoulder", (BACK,)),
    Phrase("[~(from|somewhere)] behind", (BACK,), whole=False),
    Phrase(
        "(at|in|to|from|~toward|~towards|~off|~on|~of|~near) <own> <mods> (back|rear) [~(side|part|end|half|wall|corner)] "
        "[of <you>]",
        (BACK,),
        inner={word: said for word, said in _INNER_SIDE.items() if word not in ("back", "rear", "front")},
    ),
    Phrase("(in back|~in the back|~at back|~to the back|~to the rear|~to rear) of <you>", (BACK,)),
    Phrase("(back|rear) (side|part|end|half|wall|corner)", (BACK,), after="spot"),
    Phrase("(far|near|upper|lower|distant|above|below|close|nearby|up|down) (back|rear)", (BACK,), inner=_INNER_SIDE),
    Phrase("[~(from|at|in|to)] (back|rear)", (BACK,), before="stop", after="stop"),
    Phrase("(rearward|rearwards)", (BACK,)),
    Phrase(
        "(all around|all about|on every side|on all sides|from every side|everywhere around) [<you>]",
        (("direction", "other"),),
    ),
    Phrase("on (both|either) sides [of <you>]", (("direction", "other"),)),
    Phrase("in the (middle|center|centre) of the room", (("direction", "other"),)),
    # Height.
    Phrase(
        "[~(high|far|well|way|up|just|right|directly|from|somewhere|straight|immediately|close)] above <you>",
        (UP,),
        inner={"far": FAR, "close": NEAR},
    ),
    Phrase(
        "[~(from|somewhere|high|far|well|way|just|right|up|close)] above",
        (UP,),
        whole=False,
        inner={"far": FAR, "close": NEAR},
    ),
    Phrase(
        "[~(high|far|directly|right|straight|up|just|from|well|way|somewhere|low|close)] overhead",
        (UP,),
        inner={"far": FAR, "close": NEAR},
    ),
    Phrase(
        "(over|above|~high over|~high above|~right over|~just over|~just above|~directly over|~directly above|~far over|~far above) <your> (head|heads)",
        (UP,),
        inner={"far": FAR},
    ),
    Phrase("over head", (UP,)),
    Phrase("<very> (high|higher) (up|above|overhead|aloft|in the air)", (UP,)),
    Phrase("up (high|above|top|there|aloft|in the air)", (UP,)),
    Phrase("up high above [<you>]", (UP,)),
    Phrase("(~from|on|from up) on high", (UP,)),
    Phrase("on high", (UP,)),
    Phrase("from (high|up)", (UP,), before="stop"),
    Phrase("from (high up|up high|up above|high above|up there|high)", (UP,)),
    Phrase("(~from|in) the air above <you>", (UP,)),
    Phrase("aloft", (UP,)),
    Phrase(
        "(near|by|at|up near|up by|up at|close to|toward|from|along|~under|~up under) the (ceiling|rafters|roof)", (UP,)
    ),
    Phrase("(at|near|from|toward|by) the top", (UP,), before="stop"),
    Phrase("(upper|topmost)", (UP,), before="spot"),
    Phrase("(upward|upwards|skyward|skywards)", (UP,), after="stop"),
    Phrase("elevated", (UP,)),
    Phrase("(higher|high) than <you>", (UP,)),
    Phrase("<very> high", (UP,), before="spot"),
    Phrase("<very> high", (UP,), before="stop", after="stop"),
    Phrase("<very> (high|high up) (and|,) [<very>]", (UP,), before="spot", after="stop"),
    Phrase("up", (UP,), before="spot"),
    Phrase("up", (UP,), before="stop", after="stop"),
    Phrase(
        "[~(far|well|way|down|just|right|directly|from|somewhere|straight|immediately|close|low)] (below|beneath|underneath|~under) <you>",
        (DOWN,),
        inner={"far": FAR, "close": NEAR},
    ),
    Phrase(
        "[~(from|somewhere|far|well|way|down|just|right|close|low)] (below|beneath|underneath)",
        (DOWN,),
        whole=False,
        inner={"far": FAR, "close": NEAR},
    ),
    Phrase("<very> low (down|below|beneath|to the (ground|floor))", (DOWN,)),
    Phrase("<very> down (low|below|beneath|there|underneath)", (DOWN,)),
    Phrase("down (low|below) (beneath|below) [<you>]", (DOWN,)),
    Phrase("from (low|low down|down low|down below|down there|below)", (DOWN,)),
    Phrase(
        "(at|by|near|around|from|beneath|under|below|about|down at|down by|down near|right at|close to|~just by|~just at) <your> (feet|foot|ankles|toes|shoes|knees|heels)",
        (DOWN,),
        (NEAR,),
    ),
    Phrase("(at|from|near|around|below|~by) (foot|ankle|floor|ground|knee) (level|height)", (DOWN,)),
    Phrase("(underfoot|down underfoot)", (DOWN,)),
    Phrase(
        "(near|by|at|down near|down by|down at|close to|toward|down on|along|low to|~low on|~low by|~low near|~from) the (floor|ground)",
        (DOWN,),
    ),
    Phrase("(at|near|from|toward|by) the bottom", (DOWN,), before="stop"),
    Phrase("(lower|bottommost)", (DOWN,), before="spot"),
    Phrase("(downward|downwards)", (DOWN,), after="stop"),
    Phrase("lower than <you>", (DOWN,)),
    Phrase("<very> low", (DOWN,), before="spot"),
    Phrase("<very> low", (DOWN,), before="stop", after="stop"),
    Phrase("<very> low (and|,) [<very>]", (DOWN,), before="spot", after="stop"),
    Phrase("down", (DOWN,), before="spot"),
    Phrase("down", (DOWN,), before="stop", after="stop"),
    Phrase("(at|around) (ear|eye|head|chest|shoulder|waist) (level|height)", (("elevation", "other"),)),
    # Near.
    Phrase("[~(right|very|quite|from|somewhere|so|just|close)] nearby", (NEAR,)),
    Phrase("near by", (NEAR,)),
    Phrase("<very> near [to] <you>", (NEAR,)),
    Phrase("near at hand", (NEAR,)),
    Phrase("near", (NEAR,), before="spot"),
    Phrase("<very> near", (NEAR,), whole=False),
    Phrase("<very> close (by|at hand|up|to hand|beside|in)", (NEAR,)),
    Phrase("closeby", (NEAR,)),
    Phrase("[~(from|so|very)] up close", (NEAR,)),
    Phrase("<very> [~(right|up)] close to (<you>|<your> (ear|ears|face|side|cheek|head))", (NEAR,)),
    Phrase("<very> close", (NEAR,), before="spot"),
    Phrase("<very> close", (NEAR,), before="stop", after="stop"),
    Phrase("<very> close (and|,)", (NEAR,), before="spot", after="stop"),
    Phrase("[~from] close enough to touch", (NEAR,)),
    Phrase("(at|from|~in) <very> close (range|quarters|hand)", (NEAR,)),
    Phrase("at (close range|close quarters|short range|arm's length)", (NEAR,)),
    Phrase(
        "(from|at) (a|~very) (short|small|close|little|near|~very short) (distance|range|way|remove) [~(away|off|from <you>)]",
        (NEAR,),
    ),
    Phrase("a (short|small|little|~very short) (distance|way) [(away|off|from <you>)]", (NEAR,)),
    Phrase("in close proximity [to <you>]", (NEAR,)),
    Phrase(
        "[~(well|easily|just)] within ([~easy] reach|arm's reach|touching distance|arm's length|~hand's reach|~a hand's reach|~reaching distance) [of <you>]",
        (NEAR,),
    ),
    Phrase("within <few> <steps> [of <you>]", (NEAR,)),
    Phrase(
        "[~(just|only|barely|no more than|less than|not)] (<few> <steps>|an arm's length|a step|a pace|a hand's breadth|~a foot|~a hair|~an inch|~a metre|~a meter|~a (step|foot|pace) or (two|so)) (away|off|from <you>|from <your> (ear|ears|face|head|feet))",
        (NEAR,),
    ),
    Phrase(
        "[~(just|only|barely|mere)] (inches|steps|feet|paces|centimetres|centimeters) (away|from <you>|from <your> (ear|ears|face|head|feet))",
        (NEAR,),
    ),
    Phrase("[~(just|only|barely)] (<few> <steps>|an arm's length|a step|a pace|inches|steps)", (NEAR,), before="spot"),
    Phrase("[~(right|just|directly|close)] (beside|next to|alongside) <you>", (NEAR,)),
    Phrase("[~(right|just|close)] (by|at) <your> (side|elbow|ear|ears|shoulder|fingertips|knee|hand)", (NEAR,)),
    Phrase("(in|into|against|~right in|~right against) <your> (ear|ears)", (NEAR,)),
    Phrase("(at|close at|near at) hand", (NEAR,), before="stop"),
    Phrase("right (here|there with <you>|next to <you>|beside <you>|by <you>)", (NEAR,)),
    Phrase("(not far|not too far|not very far) (off|away|from <you>)", (NEAR,)),
    Phrase("(no distance|next to no distance) away", (NEAR,)),
    Phrase("(immediately|right|just)", (), (NEAR,), before="spot"),
    Phrase("nearest", (NEAR,)),
    # Far.
    Phrase("<very> [~(from|too|rather|somewhere)] far (off|away|out|afield|from <you>|~removed)", (FAR,)),
    Phrase("<very> far off in the distance", (FAR,)),
    Phrase("<very> [~(from|somewhere)] far", (FAR,), before="spot"),
    Phrase("<very> far", (FAR,), before="stop", after="stop"),
    Phrase("<very> far (and|,)", (FAR,), before="spot", after="stop"),
    Phrase(
        "far (up|down|back|ahead|over|across|out|left|right|front)",
        (FAR,),
        before="",
        after="",
        inner={"up": UP, "down": DOWN, "back": BACK, "ahead": FRONT, "left": LEFT, "right": RIGHT, "front": FRONT},
    ),
    Phrase("(faraway|afar|~far flung)", (FAR,)),
    Phrase("from (afar|far off|far away|a distance|a great distance|~far)", (FAR,)),
    Phrase(
        "(~from|in|~into|~off in|~out in|~away in|~over in|~deep in) the [~(far|middle|great|remote|deep|hazy|dim|~far off)] distance",
        (FAR,),
    ),
    Phrase(
        "(at|from) [~quite] (a|some) [~<very>] [<long>] (distance|remove) [~(away|off|out|from <you>|back)]", (FAR,)
    ),
    Phrase(
        "[~(quite|at|from)] (a|some|~quite a|~a pretty|~a very|~a really) [~<very>] [<long>] distance (away|off|out|from <you>|~back|~over)",
        (FAR,),
    ),
    Phrase(
        "[~(quite|at|from)] (a|some|~quite a|~a pretty|~a very|~a really) [~<very>] [<long>] distance",
        (FAR,),
        before="spot",
    ),
    Phrase("[~(quite|at|from)] a [~<very>] <long> (way|ways) [(off|away|out|from <you>|~back|~over)]", (FAR,)),
    Phrase("[~(quite|at|from)] (some|quite a|~a) (way|ways) (off|away|out|from <you>|~back|~over)", (FAR,)),
    Phrase("(some|quite a|~a) (way|ways|distance)", (FAR,), before="spot"),
    Phrase("(distant|distantly)", (FAR,)),
    Phrase("(way|well) (off|away|out|over|back|across|down|up)", (FAR,), inner={"back": BACK, "down": DOWN, "up": UP}),
    Phrase("(way|well)", (), (FAR,), before="spot"),
    Phrase("(~off|away|out) (in|into) the distance", (FAR,)),
    Phrase("(remote|remotely)", (FAR,)),
    Phrase(
        "(many|several|~a dozen|~dozens of|~some|~twenty|~thirty|~fifty|~a hundred|~hundreds of) (yards|metres|meters|paces|steps|feet) (away|off|from <you>)",
        (FAR,),
    ),
    Phrase("(miles|~a mile|~a world) away", (FAR,)),
    Phrase("[~(well|far)] (out of|beyond) ([~your|~easy] reach|arm's reach)", (FAR,)),
    Phrase("(further|farther|furthest|farthest) (off|away|back|out)", (FAR,)),
    Phrase("[~(right|way|all the way|from|clear|far|clean|over|out)] across", (), (FAR,), before="room"),
    Phrase(
        "[~(over|way|right|out|away|far|all the way|down|up)] (at|on|from|~by|~near|~toward|~towards|~in) the (far|other|opposite|~distant|~very far|~farther|~farthest|~further|~furthest|~remote|~far off) (end|side|wall|corner|reaches|part|edge|~back) of",
        (FAR,),
        before="room",
    ),
    Phrase(
        "[~(over|way|right|out|away|far|all the way|down|up)] (at|on|from|~by|~near|~toward|~towards|~in) the (far|other|opposite|~distant|~very far|~farther|~farthest|~further|~furthest|~remote|~far off) (end|side|wall|corner|reaches|part|edge|~back)",
        (FAR,),
        before="stop",
    ),
    Phrase("(moderate|medium|middle|mid) (distance|range)", (("distance", "other"),)),
    Phrase("(midway|halfway)", (("distance", "other"),)),
    # Little words that belong to a spot and say nothing.
    Phrase(
        "(somewhere|someplace|off|over|out|away|slightly|directly|straight|dead|from|around|round|along|squarely)",
        (),
        before="spot",
    ),
    Phrase("(all|both|everything|all of it|all of them) (of (it|them|this))", (), before="spot"),
)
