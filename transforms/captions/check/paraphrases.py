"""Idioms of several words, each written the one way in which captions are compared."""

from __future__ import annotations

import re


def _any(words: str) -> str:
    """A pattern of one of these words."""
    return f"(?:{'|'.join(words.split())})"


_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
_BEGIN = _any("start starts starting started begin begins beginning began")
_COME = _any("come comes coming came")
_GIVE = _any("give gives giving gave")
_GO = _any("go goes going went")
_GROW = _any("increase increases increasing increased rise rises rising rose grow grows growing grew")
_FALL = _any("decrease decreases decreasing decreased fall falls falling fell drop drops dropping dropped")
_TAKE = _any("take takes taking took")
_PASS = _any(
    "go goes going went pass passes passing passed come comes coming came move moves moving moved drive drives "
    "driving drove travel travels traveling travelling traveled travelled zoom zooms zooming zoomed speed speeds "
    "speeding sped race races racing raced roll rolls rolling rolled fly flies flying flew rush rushes rushing "
    "rushed"
)
_DRAW = _any(
    "come comes coming came draw draws drawing drew get gets getting got move moves moving moved grow grows growing "
    "grew"
)
_PICK = _any("pick picks picking picked")
_GAIN = _any("gather gathers gathering gathered gain gains gaining gained")
_BREAK = _any("break breaks breaking broke")
_PAUSE = _any("pause pauses break breaks stopping interruption interruptions interrupted ceasing pausing end")
_MASS = _any("noise rain wind water snow traffic laughter static")
_MANY = _any("number amount deal volume quantity variety range series string sequence lot host")

# Each pattern is matched on canonical text and replaced by plain words. The order matters: a longer idiom comes first.
_IDIOMS: tuple[tuple[str, str], ...] = (
    # How often.
    (
        "again and again|over and over(?: again)?|time and (?:time )?again|time after time|on repeat|more than once|"
        "(?:several|multiple|many|numerous|various|repeated|a few|a number of|some) times",
        "repeatedly",
    ),
    ("once more|one more time|once again|yet again", "again"),
    ("(?:its|their|his|her) way (?=across|into|through|along|down|up|past|over|around|out)", ""),
    ("twice|two times|two times over|a couple of times", "2 times"),
    ("thrice", "3 times"),
    ("once|one time|a single time", "1 time"),
    *((f"{word} times", f"{number} times") for number, word in enumerate(_NUMBERS, 1)),
    ("(?:all|once|yet) (?:again|over again)|another time|once more", "again"),
    ("in (?:quick|rapid|fast|close) succession", "rapidly"),
    ("in a row|in succession|in sequence|back to back|one after (?:another|the other)", ""),
    ("at (?:the )?first|to (?:begin|start) with|in the beginning", "first"),
    ("on and off|off and on|now and then|now and again|from time to time|at times|every so often", "occasionally"),
    ("all the while(?= (?:an?|the|some|another|birds|people|it)(?!\\w))", "while"),
    (
        f"without (?:a |any |being )?{_PAUSE}|non stop|all the (?:while|time)|the whole time|(?:{_GO} )?on and on",
        "constantly",
    ),
    ("for (?:a|one|some) (?:brief |short |little )?(?:moment|instant|while|second|bit|time)", "briefly"),
    (f"{_BEGIN} (?:back up|up again|over)", "starts again"),
    ("motor vehicles?", "vehicle"),
    (f"(?:a lot|lots|plenty|a great deal|a good deal) of(?= {_MASS}(?!\\w))", ""),
    ("a little(?= (?:more|[^\\W\\d]+er)(?!\\w))", "slightly"),
    (f"(?:{_PICK} up|{_GAIN}) (?:speed|pace|momentum)", "accelerates"),
    (f"{_BREAK} (?:out|off|in|into|through)", "occurs"),
    # How loud and how fast.
    (f"{_GROW} in (?:volume|loudness)", "gets louder"),
    (f"{_GROW} in (?:speed|pace|tempo|frequency)", "gets faster"),
    (f"{_GROW} in intensity", "increases"),
    (f"{_FALL} in (?:volume|loudness)", "gets quieter"),
    ("(?:die|dies|dying|died) (?:down|away|out)|(?:trail|trails|trailing|trailed) off", "fades"),
    ("in (?:a )?rhythm|to a (?:steady )?(?:beat|rhythm)", "rhythmically"),
    ("with (?:great |real )?force", "forcefully"),
    ("at (?:a )?(?:high |great |full )?speed", "fast"),
    ("more(?= [^\\W\\d]+ly)", ""),
    (
        "as time (?:goes|pass|passes|went|passed|moves|moved)(?: (?:by|on))?|(?:with|over) time|"
        "with the passing of time",
        "gradually",
    ),
    (f"{_GO} off(?! (?:on|to|the|a))", "sounds"),
    # How many.
    (
        f"(?:quite )?a (?:great |good |large |big |huge |wide |whole )?{_MANY} of|lots of|"
        "a (?:great|good) many|quite a few|any number of|all (?:sorts|kinds) of|a handful of|a few",
        "several",
    ),
    ("(?:group|gathering|bunch) of (?:people|persons)", "crowd"),
    ("groups of (?:people|persons)", "crowds"),
    ("a pair of", "two"),
    ("(?:little |young |small )?female child", "girl"),
    ("(?:little |young |small )?male child", "boy"),
    ("(?:flight|set|pile|stack|heap|row) of", ""),
    ("at (?:a |an )?(?:steady|even|constant) (?:rate|pace|interval|speed|tempo|rhythm)", "steadily"),
    ("at (?:regular )?intervals", "periodically"),
    ("(?:fall|falls|fell|go|goes|went|fallen) (?:silent|quiet|still)", "stops"),
    ("(?:lose|loses|losing|lost) (?:speed|pace|momentum)", "slows"),
    ("a couple of", "couple"),
    ("a little bit(?! of)|a bit(?! of)", "slightly"),
    ("(?:a |an |some )?(?:little )?(?:kinds?|sorts?|types?|pieces?|bits?|species) of", ""),
    ("of (?:some|a|any) (?:kind|sort|type)", ""),
    ("(?:subway|metro) trains?", "subway"),
    ("type (?:of )?(?:sounds?|noises?)|type way", "sound"),
    ("(?:quickly|soon|shortly|immediately|directly|later) followed", "followed"),
    ("with a little", "with some"),
    ("(?:each|one) other|one another", "each"),
    ("at the same time|all at once|in unison", "together"),
    ("(?:the )?(?:echo|echoes|reverberation) (?:go|goes|going|ring|rings|roll|rolls) on(?: and on)?", "echo"),
    # What a sound comes in: "a round of applause", "a gust of wind", "the din of traffic".
    (
        "(?:rounds?|bouts?|fits?|bursts?|peals?|claps?|gusts?|spells?|din|backdrop|chorus|snatches|snatch) of",
        "",
    ),
    # What comes, goes and happens.
    (f"(?:is|are|be) passing by|{_PASS} (?:by|past)", "passes"),
    (f"{_DRAW} (?:closer|nearer|near)", "approaches"),
    (f"{_TAKE} off", "takeoff"),
    ("(?:draw|draws|drew|drawing|take|takes|took|taking) (?:in )?an? (?:[^\\W\\d]+ )?breath(?: in)?", "inhales"),
    ("(?:let|lets|letting) (?:out )?an? (?:[^\\W\\d]+ )?breath(?: out| go)", "exhales"),
    ("(?:breathe|breathes|breathing|breathed) out", "exhales"),
    ("(?:breathe|breathes|breathing|breathed) in(?! and)", "inhales"),
    (f"{_GIVE} way to", "then"),
    (f"{_GO} on(?= [^\\W\\d]+ing)|(?:keep|keeps|kept|carry|carries|carried) on", "continues"),
    (f"{_TAKE} place|{_GO} on(?! an? )", "occurs"),
    (f"{_COME} down(?! (?:the|a|an))", "falls"),
    (f"{_BEGIN} to rain", "begins rain"),
    ("(?:fill|fills|filling) up", "fills"),
    ("in (?:use|operation|action)|at work", "operating"),
    ("(?:can|could|may|is|are|was|were) (?:just |faintly |clearly )?(?:be )?(?:made out|discerned|heard)", "heard"),
    # Links.
    (
        "(?:just |right |shortly |soon )?after (?:that|this|which|"
        "(?:it|them|him|her)(?= (?:an?|the|some|comes?|came)(?!\\w)))|afterwards?|subsequently|thereafter|whereupon|"
        "at which point|later on|a moment later|moments later|in turn",
        "then",
    ),
    ("as well as|in addition to|along with|together with", "and"),
    ("as well(?! as)", ""),
    ("because of|due to|thanks to", "because"),
    ("nothing but", "not anything but"),
    ("(?:say|says|said|saying) (?:a few|some|a couple of) (?:short |brief )?words", "speaks briefly"),
    (
        "(?:of which |in which )?(?:no|not a|not one|not a single|hardly a) words? (?:could|can) be "
        "(?:understood|made out)|impossible to (?:understand|make out)|that (?:nobody|no one) (?:could|can) understand",
        "unintelligible",
    ),
    ("(?:rush|sweep) of(?= (?:an? |the )?(?:[^\\W\\d]+ )?winds?(?!\\w))", ""),
    ("(?:high|fierce|strong|stiff|hard|heavy|powerful|raging|violent)(?= winds?(?!\\w))", "strong"),
    ("so that", "so"),
    ("to and fro", "back and forth"),
    ("t v", "tv"),
)
_ANY_IDIOM = re.compile(rf"(?<!\w)(?:{'|'.join(f'({pattern})' for pattern, _ in _IDIOMS)})(?!\w)")
# Music that plays is music, rain that falls is rain, and wind that blows is wind.
_THING = _any("music songs? tunes? melody melodies rain rainfall snow hail winds? breeze whistles? horns?")
_VERB = _any("play plays played playing fall falls falling fell blow blows blew blowing")
_BEFORE_VERB = _any("is are was were being heavily softly gently steadily hard")
_OF_COURSE = re.compile(
    rf"(?<!\w)(?:(?P<thing>{_THING})(?P<how>(?: {_BEFORE_VERB}){{0,2}}) {_VERB}|"
    rf"(?:falling|blowing|playing) (?P<after>{_any('music rain snow hail wind breeze')}))(?!\w)"
)
_AUXILIARY = re.compile(r"(?<!\w)(?:is|are|was|were|being)(?!\w)")
# A young child is a child, a crowd of people a crowd.
_PLAINLY = re.compile(
    rf"(?<!\w)(?:(?:young|little|small) (?={_any('boys? girls? child children kids?')}(?!\w))|"
    rf"adult (?={_any('males? man men females? woman women')}(?!\w))|(?:(?<=crowd )|(?<=audience ))of people(?!\w))"
)


# "Blow after blow", "one burp after another".
_AGAIN = re.compile(r"(?<!\w)(?:one )?([^\W\d]+) after (?:\1|another|the other|the next)(?!\w)")
# "Cries and cries" goes on.
_ON_AND_ON = re.compile(
    r"(?<!\w)((?!(?:over|again|on|more|back|forth|up|down|off|out|round|around|by|time)\b)[^\W\d]+(?<!er)) and \1(?!\w)"
)
# "Closer and closer" is closer.
_MORE_AND_MORE = re.compile(r"(?<!\w)((?!over|other|after|under)[^\W\d]+er|more) and \1(?!\w)")


def plain_words(canonical: str) -> str:
    """Canonical text with each idiom written one way: "again and again" is "repeatedly"."""
    canonical = _AGAIN.sub(r"\1 repeatedly", canonical)
    canonical = _ON_AND_ON.sub(r"\1 constantly", canonical)
    canonical = _MORE_AND_MORE.sub(r"\1", canonical)
    text = _OF_COURSE.sub(_thing, _ANY_IDIOM.sub(_idiom, canonical))
    return " ".join(_PLAINLY.sub("", text).split())


def _idiom(match: re.Match[str]) -> str:
    assert match.lastindex is not None
    return _IDIOMS[match.lastindex - 1][1]


def _thing(match: re.Match[str]) -> str:
    return match["after"] or f"{match['thing']} {_AUXILIARY.sub('', match['how'])}"
