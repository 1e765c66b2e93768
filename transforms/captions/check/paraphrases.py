"""Idioms of several words, each written the one way in which captions are compared."""

from __future__ import annotations

import re

_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
_COMPARED = r"(?:closer|nearer|near)"

# Each pattern is matched on canonical text and replaced by plain words. The order matters: a longer idiom comes first.
_IDIOMS: tuple[tuple[str, str], ...] = (
    # How often.
    (
        r"again and again|over and over(?: again)?|time and (?:time )?again|time after time|on repeat|"
        r"(?:several|multiple|many|numerous|various|repeated|a few|a number of|a couple of|some) times|more than once",
        "repeatedly",
    ),
    (r"twice|two times|two times over|a couple of times", "2 times"),
    (r"thrice", "3 times"),
    (r"once|one time|a single time", "1 time"),
    (r"(?:all|once|yet) (?:again|over again)|another time|once more", "again"),
    (r"on and off|off and on|now and then|now and again|from time to time|at times|every so often", "occasionally"),
    (r"without (?:a |any )?(?:pause|pauses|break|breaks|stopping|interruption|let up|ceasing|pausing|end)|non stop|nonstop|"
     r"all the (?:while|time)|the whole time|on and on|(?:go|goes|going) on and on|around the clock", "constantly"),
    (r"for (?:a|one) (?:brief |short |little )?(?:moment|instant|while|second|bit)", "briefly"),
    (r"(?:increase|increases|increasing|increased|rise|rises|rising|rose|grow|grows|growing|grew) in (?:volume|loudness)",
     "gets louder"),
    (r"(?:increase|increases|increasing|increased|rise|rises|rising) in (?:speed|pace|tempo|frequency)", "gets faster"),
    (r"(?:increase|increases|increasing|increased|rise|rises|rising|grow|grows|growing) in intensity", "increases"),
    (r"(?:decrease|decreases|decreasing|decreased|fall|falls|falling|drop|drops|dropping) in (?:volume|loudness)",
     "gets quieter"),
    (r"(?:die|dies|dying|died) (?:down|away|out)|(?:trail|trails|trailing|trailed) off", "fades"),
    (r"(?:fill|fills|filling) up", "fills"),
    (r"in (?:a )?rhythm|to a (?:steady )?(?:beat|rhythm)", "rhythmically"),
    (r"(?:start|starts|starting|started|begin|begins|beginning|began) to (?=rain |snow |hail )", "begins "),
    (r"at the same time|all at once", "together"),
    (r"(?:each|one) other|one another", "each"),
    # How many.
    (
        r"(?:quite )?a (?:great |large |big |huge |wide |whole )?(?:number|amount|variety|range|series|string|sequence|lot|host) of|lots of|"
        r"a great many|a good many|quite a few|any number of|all sorts of|all kinds of",
        "several",
    ),
    (r"a (?:couple|handful) of|a few", "several"),
    (r"a pair of", "2"),
    (r"(?:a |an |some )?(?:kinds?|sorts?|types?|pieces?|bits?) of", ""),
    (r"a bit|a little bit", "slightly"),
    # What moves.
    (r"(?:is|are|be) passing by|(?:go|goes|going|went|pass|passes|passing|passed|come|comes|coming|came|move|moves|moving|drive|drives|driving|drove|travel|travels|"
     r"traveling|travelling|zoom|zooms|zooming|speed|speeds|speeding|race|races|racing) (?:by|past)(?! (?:a|an|the) (?:hand|man|woman|person))", "passes"),
    (rf"(?:come|comes|coming|came|draw|draws|drawing|drew|get|gets|getting|got|move|moves|moving|grow|grows) {_COMPARED}",
     "approaches"),
    (r"(?:take|takes|taking|took) off", "takeoff"),
    (r"(?:give|gives|giving|gave) way to", "then"),
    (r"(?:take|takes|taking|took) place|(?:go|goes|going|went) on(?! an? )", "occurs"),
    (r"in (?:use|operation|action)|at work", "operating"),
    (r"to and fro", "back and forth"),
    (r"as well as|in addition to|along with|together with", "and"),
    (r"(?:just |right |shortly |soon )?after (?:that|this|which)|afterwards?|subsequently|thereafter|whereupon|"
     r"at which point|later on|a moment later|moments later|in turn", "then"),
    (r"(?:comes?|coming|came) down(?! (?:the|a|an))", "falls"),
    (r"t v", "tv"),
    (r"(?:can|could|may|is|are|was|were) (?:just |faintly |clearly )?(?:be )?(?:made out|discerned|heard)", "heard"),
    (r"(?:start|starts|starting|started|begin|begins|beginning|began) (?:back up|up again|over)", "starts again"),
    (r"with (?:great |real )?force", "forcefully"),
    (r"at (?:a )?(?:high |great |full )?speed", "fast"),
    (r"because of|due to|thanks to", "because"),
    (r"so that", "so"),
    *((rf"{word} (?=times)", f"{number} ") for number, word in enumerate(_NUMBERS, 1)),
)  # fmt: skip
# Music that plays is music, rain that falls is rain, and wind that blows is wind.
_OF_COURSE = re.compile(
    r"(?<!\w)(?:(music|songs?|tunes?|melody|melodies|rain|rainfall|snow|hail|winds?|breeze|whistles?|horns?) "
    r"(?:(?:is|are|was|were|heavily|softly|gently|steadily|hard) ){0,2}(?:being )?"
    r"(?:play|plays|played|playing|fall|falls|falling|fell|blow|blows|blew|blowing)|"
    r"(?:falling|blowing|playing) (music|rain|snow|hail|wind|breeze))(?!\w)"
)
# A young child is a child, a crowd of people a crowd.
_PLAINLY = re.compile(
    r"(?<!\w)(?:(?:young|little) (?=boys?|girls?|child|children|kids?)|adult (?=males?|man|men|females?|woman|women)|"
    r"(?<=crowd )of people(?!\w)|(?<=audience )of people(?!\w))"
)
_SPACED = re.compile(rf"(?<!\w)(?:{'|'.join(f'({pattern})' for pattern, _ in _IDIOMS)})(?!\w)")


def plain_words(canonical: str) -> str:
    """Canonical text with each idiom written one way: "again and again" is "repeatedly"."""

    def plain(match: re.Match[str]) -> str:
        assert match.lastindex is not None
        return _IDIOMS[match.lastindex - 1][1]

    return " ".join(_PLAINLY.sub("", _OF_COURSE.sub(_noun, _SPACED.sub(plain, canonical))).split())


def _noun(match: re.Match[str]) -> str:
    verbs = "play|fall|fell|blow|blew|is|are|was|were|being"
    return re.sub(rf"(?<!\w)(?:(?:{verbs})\w*)(?!\w)", "", match[0])
