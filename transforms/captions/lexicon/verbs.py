"""Verbs and irregular plurals, by which grammar is checked without a parser."""

from __future__ import annotations

# What sounds do, by which a finite verb is told from a noun in -s without a parser.
VERBS = (
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


VERBS_WITH_S = frozenset(map(_with_s, VERBS))

IRREGULAR_PLURALS = {"men": "man", "women": "woman", "children": "child", "people": "person", "kids": "child"}
