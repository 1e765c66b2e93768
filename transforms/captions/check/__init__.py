"""The check of a language model's answer: every word of space is there, none contradicts, no sound is lost."""

from __future__ import annotations

import itertools
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

import snowballstemmer

from transforms.words import VOCABULARY, SpatialWords

__all__ = ["REASONS", "SYNONYMS", "check_caption", "check_place", "clean_answer", "is_english"]

#: Every reason that `check_caption` gives, in the order in which it looks.
REASONS: tuple[str, ...] = (
    "empty",
    "too_long",
    "leak",
    "not_one_sentence",
    "not_english",
    *(f"contradicts_{attribute}" for attribute in VOCABULARY),
    *(f"invents_{attribute}" for attribute in VOCABULARY),
    *(f"missing_{attribute}" for attribute in VOCABULARY),
    "repeats",
    "ungrammatical",
    "content_lost",
    "content_added",
    "number_changed",
    "roles_changed",
    "order_changed",
)

# --- What counts as saying a word of space -------------------------------------------------------------------------
# Patterns are matched on `_canonical` text: lower case, one space between tokens, "," for any punctuation. Every repeat
# has a bound, so that the time stays linear in the text.

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
_ELSEWHERE = re.compile(
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

_OF_ROOM = ("room_size", "reverberation")
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


_SAID = _compile(SYNONYMS)
_SUSPECTED = _compile(_SUSPECTS)

# --- Content words -------------------------------------------------------------------------------------------------

_FUNCTION_WORDS = frozenset(
    "a an the this that these those some any and or but as while when whilst then than so with by of in on at to from "
    "into onto for over through during after before followed following follows follow along amid among amidst is are "
    "was were be been being am it its it's itself they their them he his him she her hers you your i my me we our us "
    "who which whose what where there here has have had having do does did can may will would also both together "
    "all each other another up down out off around about between upon within inside via simultaneously meanwhile "
    "accompanied alongside just".split()
)
# Words that tell where and how a sound is heard, and add nothing to what is heard.
_NEUTRAL_WORDS = frozenset(
    "sound sounds sounding noise noises heard hear hearing audible come comes coming came emanate emanates emanating "
    "originate originates originating located locate situated positioned source sources place placed side position "
    "room space occur occurs occurring happen happens happening fill fills filling area environment acoustic "
    "acoustically acoustics highly very listener away direction enclosed reverberation hand part set setting present "
    "end presence close produced produce producing made make makes making emitted emit emitting issuing arriving "
    "arrives corresponding surrounding somewhere".split()
)
# Words of the original that may go missing without a sound going missing.
_DROPPABLE_WORDS = frozenset(
    "sound noise background distance loud soft quiet constant continuous continual several various multiple different "
    "some many few more repeated repetitive intermittent occasional rapid slow fast heavy light gentle steady sudden "
    "slight nearby distant other same again once twice time ongoing type kind begin start continue "
    "occur make take get go come be large small big little".split()
)
# Words of one sense, each line one; only what a paraphrase may swap without a change of the sound.
_SAME_SENSE = (
    "man men male males gentleman guy man's",
    "woman women female females lady ladies",
    "child children kid kids",
    "baby babies infant infants",
    "person people persons human humans",
    "speak speaks speaking spoke spoken speech talk talks talking talked say says saying said voice voices "
    "conversation conversing converse converses speaker chat chats chatting",
    "laugh laughs laughing laughter laughed",
    "sing sings singing sang sung song songs",
    "ring rings ringing rang",
    "run runs running ran",
    "blow blows blowing blew blown",
    "drive drives driving drove driven",
    "fly flies flying flew flight",
    "shoot shoots shooting shot shots",
    "begin begins beginning began begun start starts starting started",
    "go goes going went gone",
    "bird birds birdsong",
    "continuous continuously constant constantly continual continually",
    "several multiple numerous various many different",
    "loud loudly",
    "engine motor engines motors",
    "sniff sniffs sniffing sniffle sniffles sniffling",
    "sneeze sneezes sneezing sneezed",
    "tick ticks ticking ticked ticktock ticktocks ticktocking",
    "play plays playing played",
    "hit hits hitting strike strikes striking struck",
    "door doors",
    "tv television",
    "airplane aeroplane plane aircraft airplanes planes",
    "vibrate vibrates vibrating vibration vibrations",
    "noise noises sound sounds",
    "applause applaud applauds applauding applauded",
    "thunder thunders thundering",
    "break breaks breaking broke broken",
    "fall falls falling fell fallen",
    "make makes making made",
    "take takes taking took taken",
    "come comes coming came",
    "get gets getting got",
    "ride rides riding rode",
    "beat beats beating",
    "sweep sweeps sweeping swept",
    "weep weeps weeping wept",
    "throw throws throwing threw thrown",
    "write writes writing wrote written",
    "wind winds windy",
    "explode explodes exploding explosion explosions exploded",
    "croak croaks croaking",
)
_SEQUENCE = re.compile(
    r"(?<!\w)(then|followed by|interrupted by|followed|following|follows|before|after|preceded by|precedes|next)(?!\w)"
)
_BACKWARDS = ("after", "following", "follows", "preceded by")
_FOREIGN_WORDS = frozenset(
    "le la les un une des du et dans avec sur est der das und ein eine einen mit auf im el los las con y una del por "
    "para het een og och il di che della um uma em ist sind den dem von zu ne pas il elle van dan yang".split()
)
_LEAK = re.compile(
    r"https?:|www\.|<[|/!a-z]|[\"“”{}\[\]\\|`#*_=^~]|°|\b(?:degrees?|azimuth|rephras\w*|paraphras\w*|caption\w*|prompt\w*|"
    r"json|html|sentence|instruction\w*|assistant|ignore|here is|here's|sure|certainly|as an ai|language model|"
    r"i cannot|i can't|i'm sorry|sorry|unable|answer|output|description)\b|"
    r"\b(?:place|note|words?|result|response|rewrite|rewritten|sound):",
    re.IGNORECASE,
)
_STUTTER = re.compile(r"(?<!\w)(\w+)(?: ,)? \1(?!\w)")
# --- Grammar, number and who does what ------------------------------------------------------------------------------

# What sounds do, by which a finite verb is told from a noun in -s without a parser.
_VERBS = (
    "speak talk say shout yell scream shriek whisper murmur chatter converse argue preach answer reply respond read "
    "laugh giggle chuckle cry sob weep wail moan groan cough sneeze sniff sniffle snore breathe burp belch hiccup "
    "gulp eat chew drink sing hum whistle clap cheer applaud bark growl whimper pant howl meow purr hiss bleat baa "
    "moo oink neigh snort roar quack cluck crow caw coo hoot croak chirp tweet squawk gobble cackle buzz flap flutter "
    "ring beep toll chime ding jingle tick clack click clank clink clang clatter rattle rumble knock tap bang thud "
    "slam creak squeak squeal screech scrape scratch rustle crinkle crumple crunch tear crackle pop sizzle fry burn "
    "drip pour flow run splash gurgle bubble trickle flush drain spray fall patter crash roll rush blow gust thunder "
    "explode fire shoot boom play strum beat strike hit pound hammer drill saw cut grind chop type turn spin whir "
    "whirr whine vibrate rev idle accelerate sputter start stop honk blare fly hover pass drive move ride walk step "
    "gallop trot jump bounce sound open close shut lock zip begin continue fade echo occur happen go come get take "
    "make give fill"
).split()


def _with_s(verb: str) -> str:
    if verb.endswith(("s", "sh", "ch", "x", "zz")) or verb == "go":
        return f"{verb}es"
    return f"{verb[:-1]}ies" if verb.endswith(("ry", "ly")) else f"{verb}s"


_VERBS_WITH_S = frozenset(map(_with_s, _VERBS))
_FINITE = rf"(?:{'|'.join(sorted(_VERBS_WITH_S))}|is|are|was|were|has|have)"
_BASE = rf"(?:{'|'.join(_VERBS)})"
# A few words of one clause: nothing that begins another or hangs a phrase on it.
_CLAUSE_WORDS = (
    r"(?:(?!(?:and|or|as|while|when|then|before|after|that|which|who|whose|where|with|of|in|on|at|by|from|over|to|"
    r"through|near|for|into|followed|following|there|is|are)\b)[^\W\d]+ )"
)
_COMING = r"(?:coming|heard|located|emanating|originating|emitted)"
_WITHIN_CLAUSE = r"(?:(?!(?:and|or|as|while|when|then|that|which|where|there|is|are)\b)[^\W\d]+ )"
_PLURAL = (
    r"(?:people|men|women|children|(?!(?:news|gas|bagpipes|series|species|lens|chaos|always|sometimes)\b)\w+[^su\W]s)"
)
_COUNTED = r"(?:several|multiple|many|numerous|various|two|three|four|five|six|both|people|men|women|children|kids)"
_BROKEN = re.compile(
    r"(?<!\w)(?:"
    + "|".join(
        (
            # "There is a dog barks", "there is engines sputter", "there is several frogs", "there are a bell".
            rf"there is {_CLAUSE_WORDS}{{1,6}}?{_FINITE}",
            rf"there are {_CLAUSE_WORDS}{{1,6}}?(?:is|are|was|were|has)",
            rf"there are {_CLAUSE_WORDS}{{0,3}}?{_PLURAL} {_BASE}",
            rf"there is (?:(?:loud|soft|faint|quiet|heavy|small|large|a|an) )?{_COUNTED}",
            rf"there is (?:(?:loud|soft|faint|quiet|heavy) )?{_PLURAL}",
            r"there are (?:a|an) (?!(?:few|lot|number|couple|series|variety|group|pair|dozen|handful)\b)\w+",
            rf"an? (?:[^\W\d]+ing )?(?!(?:sports|clothes|goods|is|was|has|this|its|us)\b){_PLURAL}",
            # "Is barks", "a dog barks is heard".
            rf"(?<!there )(?:is|are|was|were) (?!(?:is|are|was|were|has|have)\b){_FINITE}",
            # Not "the sound of a train chugging as its whistle screeches is coming from the left".
            rf"(?:,|and|the sound of) {_CLAUSE_WORDS}{{1,5}}?{_FINITE} {_WITHIN_CLAUSE}{{0,5}}?is (?:being )?{_COMING}",
            rf"(?:,|and|the sound of) {_CLAUSE_WORDS}{{0,3}}?{_PLURAL} {_BASE} {_WITHIN_CLAUSE}{{0,5}}?"
            rf"(?:is|are) (?:being )?{_COMING}",
            # "Comes from at the back", "in on the left", "from the in front".
            r"(?:from|of|to) (?:at|on) the",
            r"(?:in|at) (?:in|on|at) (?:the|a|an)",
            r"(?:a|an|the|of|from) (?:in|at|on|near|a|an|the) (?:a|an|the)",
            r"(?:a|an|the|of|from) , (?:in|on|at)",
            # "As a man snoring."
            r"(?:as|while) (?:a|an|the) [^\W\d]+ [^\W\d]+ing (?:,|and|as|while)",
            # A sentence that breaks off.
            r"(?:a|an|the|of|from|with|and|or|as|while|to|into|is|are|very|highly) ,$",
        )
    )
    + r")(?!\w)"
)
_IRREGULAR_PLURALS = {"men": "man", "women": "woman", "children": "child", "people": "person", "kids": "child"}
_CAPITAL_WITHIN = re.compile(r"(?<=[a-z,;] )[A-Z]\w*")
_ONE = re.compile(r"(?<!\w)(?:an?|one|another|single) ([^\W\d]+)(?: ([^\W\d]+))?")
# What parts a caption into its sounds; a passive ("is interrupted by") parts who acts from who is acted on.
_PARTS = re.compile(
    r"(?<!\w)(?:,|and|as|while|whilst|when|then|followed by|followed|following|before|after|with|over|"
    r"accompanied by|interrupted by|preceded by|drowned out by|by)(?!\w)"
)
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)]*\s*(?=[^\s\"'”’)])")
_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|vs|etc|e\.g|i\.e|a\.m|p\.m)\.", re.IGNORECASE)
_LONGEST_ANSWER_CHARS = 1000
# No text encoder reads further; what an original says beyond is not compared, so that no caption costs seconds.
_LONGEST_ORIGINAL_CHARS = 4000
# The stemmer takes more than linear time; no English word is longer.
_LONGEST_WORD_CHARS = 40


def clean_answer(answer: str) -> str:
    """The answer without the harmless wrapping of chat models: outer spaces, one pair of quotes around all of it."""
    text = answer.strip().removesuffix("<|im_end|>").strip()
    for opening, closing in ('""', "''", "“”", "‘’", "``"):
        inner = text[1:-1]
        if (
            len(text) > 2
            and text[0] == opening
            and text[-1] == closing
            and opening not in inner
            and closing not in inner
        ):
            text = inner.strip()
    # "Far far away" is one word said twice, by which a small model begins most of what is far.
    return re.sub(r"\b(far),? far\b", r"\1", text, flags=re.IGNORECASE)


def check_caption(answer: str, original: str, words: SpatialWords) -> str | None:
    """Why `answer` is no spatial caption for `original` at the place of `words`: one of `REASONS`; None if it is.

    Never raises and takes time linear in the two lengths. For an original that is not English the sounds cannot be
    compared and only the place and the form are checked.
    """
    if not answer.strip():
        return "empty"
    original = _compared(original)
    if _too_long(answer, original):
        return "too_long"
    if _leaks(answer, original):
        return "leak"
    if not _one_sentence(answer):
        return "not_one_sentence"
    if not is_english(answer):
        return "not_english"
    reason = check_place(answer, original, words)
    if reason is not None:
        return reason
    text, before = _canonical(answer), _canonical(original)
    if _stutters(text, before):
        return "repeats"
    # In "a lion's roar" the noun and the verb are no pair that has to agree.
    unowned = _canonical(re.sub(r"\w['’]s\b", ",", answer))
    broken = any(match[0] not in before for match in _BROKEN.finditer(text))
    if broken or _breaks_agreement(unowned, before) or _starts_again(answer, original):
        return "ungrammatical"
    return _check_content(text, before) if is_english(original) else None


def check_place(answer: str, original: str, words: SpatialWords) -> str | None:
    """The part of `check_caption` about the words of space: contradicted, invented or missing, else None.

    What the original says of a place it may say again, as often as it did: a contradiction is what is new.
    """
    text, before = _canonical(answer), _canonical(_compared(original))
    said, denied = _count(_SAID, text)
    inside = _count(_SAID, _ELSEWHERE.sub(" , ", text))[0]
    loosely = _count(_SUSPECTED, text)[0]
    said_before, denied_before = _count(_SAID, before)
    loosely_before = _count(_SUSPECTED, before)[0]
    demanded = words.present()
    for attribute in VOCABULARY:
        wanted = demanded.get(attribute)
        new = {word for key, word in (said - said_before) + (loosely - loosely_before) if key == attribute}
        new_denials = {word for key, word in denied - denied_before if key == attribute}
        if wanted is None and new | new_denials:
            return f"invents_{attribute}"
        if wanted is not None and (new - {wanted} or wanted in new_denials):
            return f"contradicts_{attribute}"
    for attribute, wanted in demanded.items():
        # A room's words have to be those of the room that the sound is in.
        if not (inside if attribute in _OF_ROOM else said)[(attribute, wanted)]:
            return f"missing_{attribute}"
    return None


def is_english(text: str) -> bool:
    """False where the letters are mostly not Latin or another language's little words prevail; tags are English."""
    letters = [character for character in text[:4000] if character.isalpha()]
    if letters and sum(character > "ɏ" for character in letters) > 0.15 * len(letters):
        return False
    tokens = _canonical(text[:4000]).split()
    foreign = sum(token in _FOREIGN_WORDS for token in tokens)
    return foreign < 2 or foreign <= sum(token in _FUNCTION_WORDS for token in tokens)


def _compared(original: str) -> str:
    """The part of an original that an answer is held against, on one line."""
    return " ".join(original.split())[:_LONGEST_ORIGINAL_CHARS]


def _too_long(answer: str, original: str) -> bool:
    if len(answer) > _LONGEST_ANSWER_CHARS + 2 * len(original):
        return True
    return len(answer.split()) > 1.5 * len(original.split()) + 25


def _leaks(answer: str, original: str) -> bool:
    """Talk of the task, markup, addresses or degrees that the original does not have."""
    before = original.lower()
    return any(match[0].strip().lower() not in before for match in _LEAK.finditer(answer)) or "\n" in answer.strip()


def _one_sentence(answer: str) -> bool:
    quotes_close = answer.count('"') % 2 == 0 and answer.count("“") == answer.count("”")
    return quotes_close and not _SENTENCE_END.search(_ABBREVIATION.sub("", answer.strip()))


def _canonical(text: str) -> str:
    """Lower case without accents and hyphens, one space between tokens, a comma for any punctuation."""
    folded = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    tokens = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[,;:.!?()…—–\n]", plain)
    words = " ".join("," if token in ",;:.!?()…—–\n" else token.removesuffix("'s") for token in tokens)
    # A comma at both ends, so that a text says the same by itself and inside a longer sentence.
    return f", {re.sub(r'(?: ,)+', ' ,', words.strip(' ,'))} ,"


_Counts = Counter[tuple[str, str]]


def _count(table: dict[str, dict[str, re.Pattern[str]]], text: str) -> tuple[_Counts, _Counts]:
    """How often each (attribute, word) is said in canonical text, and how often it is denied."""
    said: _Counts = Counter()
    denied: _Counts = Counter()
    for attribute, words in table.items():
        for word, pattern in words.items():
            for match in pattern.finditer(text):
                (denied if match["no"] else said)[(attribute, word)] += 1
    return said, denied


def _without_place(text: str) -> str:
    """Canonical text without what says a word of space, so that a "small" that is left belongs to a sound."""
    for words in _SAID.values():
        for pattern in words.values():
            text = pattern.sub(" , ", text)
    return text


def _stutters(text: str, before: str) -> bool:
    """A word said twice running, or one and the same phrase of place said twice, where the original has it not."""
    if len(_STUTTER.findall(text)) > len(_STUTTER.findall(before)):
        return True
    for words in _SAID.values():
        for pattern in words.values():
            phrases = Counter(match[0] for match in pattern.finditer(text))
            if any(times > 1 and times > 1 + before.count(phrase) for phrase, times in phrases.items()):
                return True
    return False


def _check_content(answer: str, original: str) -> str | None:
    """The part about the sounds, on canonical texts."""
    before, after = _content(original), _content(answer)
    kept = set(after)
    lost = [stem for stem in before if stem not in kept]
    sounds = [stem for stem in before if stem not in _droppable()]
    lost_sounds = [stem for stem in lost if stem not in _droppable()]
    if (
        set(lost_sounds) & set(sounds[:2])
        or len(lost_sounds) > _may_miss(len(sounds))
        or len(lost) > 1 + len(before) // 4
    ):
        return "content_lost"
    known = set(before) | set(_stems(original)) | _neutral()
    if any(stem not in known for stem in after):
        return "content_added"
    if _says_more_often(answer, original):
        return "repeats"
    if _changes_number(answer, original):
        return "number_changed"
    if _changes_roles(answer, original):
        return "roles_changed"
    return "order_changed" if _reordered(before, after, answer, original) else None


def _says_more_often(answer: str, original: str) -> bool:
    """True where the answer says a sound again that the original says once: "a man speaks, hissing, a man speaks"."""
    times, times_before = _stem_counts(answer, _bare_stem), _stem_counts(original, _bare_stem)
    senses, senses_before = _stem_counts(answer, _stem), _stem_counts(original, _stem)
    return any(
        number > 1 and number > times_before[stem] and senses[_stem(stem)] > senses_before[_stem(stem)]
        for stem, number in times.items()
        if _stem(stem) not in _droppable() | _neutral() and _stem(stem) in senses_before
    )


def _changes_number(answer: str, original: str) -> bool:
    """True where a noun is one thing in the original and several in the answer, or the other way round."""
    one, several = _numbers(answer)
    one_before, several_before = _numbers(original)
    return bool((one & several_before) - one_before or (one_before & several) - one - several_before)


def _numbers(text: str) -> tuple[set[str], set[str]]:
    """The words that follow "a" or "one", adjectives too, and the singulars of the words in -s that are no verbs."""
    one = {word for match in _ONE.finditer(text) for word in match.groups() if word and _stem(word) not in _neutral()}
    tokens = {token for token in text.split() if len(token) > 3 and token.endswith("s")} - _VERBS_WITH_S
    several = {token[:-1] for token in tokens} | {token[:-2] for token in tokens if token.endswith("es")}
    return one, several | {_IRREGULAR_PLURALS[token] for token in text.split() if token in _IRREGULAR_PLURALS}


def _breaks_agreement(answer: str, original: str) -> bool:
    """True where "a train circles" has become "a train circle", "fireworks pop" "firework pop", "a plane" "plane"."""
    told = set(itertools.pairwise(answer.split()))
    before = list(itertools.pairwise(original.split()))
    for noun, verb in before:
        if noun.endswith("s") == verb.endswith("s") or (noun, verb) in told:
            continue
        broken = (noun, verb[:-1]) if verb.endswith("s") else (noun[:-1], verb)
        if len(broken[0]) > 2 and len(broken[1]) > 2 and broken in told and broken not in before:
            return True
    return any(
        words[0] in ("a", "an") and words[-1].endswith("s") and f" , {' '.join(words[1:])} " in answer
        for size in (3, 4)
        for words in zip(*(original.split()[at:] for at in range(size)), strict=False)
    )


def _starts_again(answer: str, original: str) -> bool:
    """True for a capital letter inside the answer that is no name: "In a small room, A dog barks"."""
    first, _, rest = original.partition(" ")
    inside = set(_CAPITAL_WITHIN.findall(answer)) - set(re.findall(r"[A-Z]\w*", rest)) - {"I"}
    return any(word != first or word in ("A", "An", "The") or word.endswith(("ing", "ed", "s")) for word in inside)


def _changes_roles(answer: str, original: str) -> bool:
    """True where a part of the answer mixes words of two sounds, and one of those sounds is torn apart by it."""
    parts = _sounds_apart(original)
    times = Counter(stem for part in parts for stem in part)
    # A part of one word ("humming and clicking of an engine") has no actor of its own that could be mistaken.
    whole = [at for at, part in enumerate(parts) if len(part - _droppable()) > 1]
    home = {stem: at for at in whole for stem in parts[at] if times[stem] == 1}
    places: dict[int, set[int]] = {}
    told = [{home[stem] for stem in part if stem in home} for part in _sounds_apart(answer)]
    for at, homes in enumerate(told):
        for sound in homes:
            places.setdefault(sound, set()).add(at)
    return any(len(homes) > 1 and any(len(places[sound]) > 1 for sound in homes) for homes in told)


def _sounds_apart(canonical: str) -> list[set[str]]:
    """The stems of each part of a text that tells a sound, without those that only tell where or how."""
    parts = _PARTS.split(_without_place(canonical))
    stems = ({stem for stem in _stems(part) if stem not in _function() and stem not in _neutral()} for part in parts)
    return [part for part in stems if part]


def _stem_counts(canonical: str, stem_of: Callable[[str], str]) -> Counter[str]:
    tokens = _without_place(canonical).split()
    return Counter(stem_of(token) for token in tokens if token != "," and _stem(token) not in _function())


def _may_miss(sounds: int) -> int:
    """How many of so many words for sounds may be missing: none of a short caption's."""
    return 0 if sounds <= 12 else sounds // 12


def _reordered(before: list[str], after: list[str], answer: str, original: str) -> bool:
    """True where the original tells a sequence and the answer tells its sounds in another order."""
    if not _SEQUENCE.search(original):
        return False
    moments, told = _in_time(original), _in_time(answer)
    times = Counter(stem for moment in moments for stem in moment)
    when = {stem: at for at, moment in enumerate(moments) for stem in moment if times[stem] == 1}
    if len(told) > 1:
        spans = [[when[stem] for stem in moment if stem in when] for moment in told]
        spans = [span for span in spans if span]
        return any(max(first) > min(second) for first, second in itertools.pairwise(spans))
    places = {stem: place for place, stem in enumerate(after)}
    order = [places[stem] for stem in before if stem in places and stem not in _droppable()]
    backwards = sum(first > second for first, second in itertools.pairwise(order))
    return backwards > len(order) // 5


def _in_time(canonical: str) -> list[set[str]]:
    """The stems of the parts of a sequence, the earliest first: "b after a" and "after a, b" are a, b."""
    pieces = _SEQUENCE.split(_without_place(canonical))
    parts = [pieces[0]]
    for sign, part in zip(pieces[1::2], pieces[2::2], strict=True):
        backwards = sign in _BACKWARDS
        at_the_head = len(parts) == 1 and not _moment(parts[0])
        if at_the_head and sign in (*_BACKWARDS, "before") and "," in part:
            first, _, rest = part.partition(",")
            parts = [first, rest] if backwards else [rest, first]
        elif backwards:
            parts.insert(len(parts) - 1, part)
        else:
            parts.append(part)
    return [moment for moment in map(_moment, parts) if moment]


def _moment(part: str) -> set[str]:
    return {stem for stem in _stems(part) if stem not in _function() | _neutral() | _droppable()}


def _content(canonical: str) -> list[str]:
    """The stems of the content words in order of first use, words of space left out."""
    return [stem for stem in _stems(_without_place(canonical)) if stem not in _function()]


def _stems(canonical: str) -> list[str]:
    """Each word's stem once, in order of first use."""
    return list(dict.fromkeys(_stem(token) for token in canonical.split() if token != ","))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    stem = _bare_stem(word)
    return _senses().get(word) or _senses().get(stem, stem)


@lru_cache(maxsize=50_000)
def _bare_stem(word: str) -> str:
    if len(word) > _LONGEST_WORD_CHARS:
        return word
    stem: str = _STEMMERS.english.stemWord(word)
    # "purr" and "purring" have the stems "purr" and "pur".
    return stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem


@lru_cache(maxsize=1)
def _senses() -> dict[str, str]:
    lines = (line.split() for line in _SAME_SENSE)
    return {word: words[0] for words in lines for word in words}


class _Stemmers(threading.local):
    """A stemmer a thread: it keeps the word that it works on in itself, and captions are checked from many threads."""

    def __init__(self) -> None:
        self.english = snowballstemmer.stemmer("english")


_STEMMERS = _Stemmers()


@lru_cache(maxsize=1)
def _function() -> frozenset[str]:
    return frozenset(_stem(word) for word in _FUNCTION_WORDS)


@lru_cache(maxsize=1)
def _neutral() -> frozenset[str]:
    return frozenset(_stem(word) for word in _NEUTRAL_WORDS)


@lru_cache(maxsize=1)
def _droppable() -> frozenset[str]:
    return frozenset(_stem(word) for word in _DROPPABLE_WORDS)
