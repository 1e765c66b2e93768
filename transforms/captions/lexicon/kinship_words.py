"""Word lists of what may stand for what in a caption: near senses, sources with what they do, contrasting sounds."""

from __future__ import annotations


def _groups(*lines: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(line.split()) for line in lines)


# People in the plural, by one word.
CROWDS = frozenset("crowd people audience group".split())

# Words for many that stand together.
GATHERINGS = frozenset("swarm flock herd pack crowd group bunch series".split())

# What has a voice beside people; a chuckle has somebody's.
ANIMALS = frozenset(
    "animal bird crow owl gull seagull pigeon dove duck goose swan chicken hen rooster turkey parrot crane raven "
    "chick fowl songbird dog puppy cat kitten cow calf bull horse donkey pig piglet hog goat sheep lamb frog toad "
    "insect cricket cicada bee monkey lion tiger wolf fox bear elephant mouse rat coyote hyena other adult laugh "
    "chuckle giggle speech laughter conversation chatter talk voice".split()
)

# Who may go unnamed beside a word for steps.
ANYBODY = frozenset("person people someone somebody individual".split())
# "And another chirps back" is a response.
ANSWERS = frozenset("respond reply answer".split())
STEPS = frozenset("footstep step footfall walk speech".split())

# Words that a paraphrase exchanges. They are looser than synonyms: each pair is taken once, for a word that is lost.
NEAR_SENSE = _groups(
    # Strokes.
    "hit strike beat bang pound smack whack knock bump smash batter",
    "tap pat dab",
    "slap smack",
    "hammer pound",
    "bang clang",
    "clank clang clunk",
    "clink chink clinking",
    "crash smash",
    "thump thud bump",
    "shatter break smash",
    "snap break crack",
    "rap tap knock",
    # Friction and small things.
    "scrape scuff drag graze rasp grate",
    "scratch scrape",
    "shuffle drag scuff",
    "rub scrub wipe brush polish",
    "crunch munch",
    "crinkle crumple rustle",
    "crush crumple",
    "rip tear",
    "rummage search sift dig root go",
    "scamper scurry",
    "rattle jangle shake",
    "jingle jangle tinkle",
    # Water and air.
    "splash splatter spatter slosh",
    "swish swirl slosh",
    "drip drop dribble",
    "pour fall beat drum pelt",
    "pour flow run gush",
    "trickle drip dribble",
    "lap drink",
    "flow rush stream gush",
    "gurgle bubble burble",
    "whoosh swoosh swish",
    "hiss fizz",
    "spray squirt spritz",
    "wash break crash roll lap",
    # Voices.
    "chat converse chatter talk discuss",
    "narrate speak talk",
    "shout yell holler scream",
    "giggle laugh chuckle titter snicker",
    "wail cry howl",
    "moan groan",
    "cry sob weep bawl wail",
    "grunt oink snort",
    "bleat baa",
    "croak ribbit",
    "squawk screech",
    "caw croak",
    "cheep chirp tweet twitter peep",
    "chant recite",
    "communicate call vocalize talk exchange",
    "answer pick",
    "play ring sound",
    "couple two",
    "repeatedly continuously keep constantly",
    "exclaim exclamation cry",
    # Engines and traffic.
    "roar thunder",
    "purr hum thrum",
    "throb pulse thrum pulsate",
    "chug puff",
    "zoom race speed rush whiz whizz",
    "travel drive go move roll run pass head proceed cross ride",
    "pass go come move travel",
    "walk step stride pace tread tramp cross",
    "run jog",
    "leave depart go",
    "arrive come",
    "approach near come close",
    "circle orbit",
    "skid slide",
    "hover fly",
    "wind turn",
    # Tones and machines.
    "beep chirp blip",
    "blare blast sound wail scream",
    "blast blow honk toot blare",
    "honk blast toot",
    "ring sound",
    "buzz zap",
    "alarm siren",
    "whistle hoot toot",
    # What is done.
    "gather collect pick",
    "cover drown mask overpower muffle",
    "put place set drop lay",
    "drop fall tumble",
    "throw toss hurl fling pitch cast",
    "shift move slide push",
    "move rearrange arrange handle",
    "open unwrap",
    "grab take pick",
    "cut slice saw chop carve",
    "use work operate handle employ",
    "clean wash wipe scrub sweep",
    "slow decelerate",
    "speed accelerate faster quicken quick fast hurry",
    "loud loudly deafening thunderous noisy",
    "louder loud grow increase rise swell greater intensity",
    "quieter quiet soft softer soften fade decrease",
    "lower low decrease deep",
    "stronger strong intensity intense increase",
    "frequent often frequently frequency",
    "switch turn flip",
    "start begin commence activate",
    "stop end cease finish halt break pause",
    "cook fry sizzle simmer",
    "squeeze press squish",
    "fasten close",
    "shake rattle",
    "eat chew munch",
    "sip drink slurp",
    "play perform",
    "fiddle play toy",
    "reuse use",
    "tune adjust",
    "carry bear haul",
    "cause make",
    "fill full",
    "rotate turn spin",
    "flip turn toss",
    "work try struggle",
    # Things.
    "propeller rotor blade",
    "pan pot cookware skillet",
    "dish plate tableware",
    "pencil pen utensil",
    "food something",
    "object thing item piece",
    "paper document",
    "saw blade",
    "corridor hallway passage passageway",
    "footstep step heel shoe",
    "fuel gas",
    "vehicle car truck automobile",
    "liner airliner airplane jet",
    "chain link",
    "drape curtain blind",
    "stick twig branch",
    "stone pebble rock gravel",
    "wave surf",
    "water surf",
    "ship boat vessel",
    "cloth fabric",
    "location place area environment spot",
    "restaurant cafe diner",
    "staircase stair",
    "street road highway",
    "ground floor earth dirt",
    "grass lawn",
    "yard garden",
    "cash money",
    "lid cover cap",
    "wrapper package packaging packet wrapping",
    "radio television tv",
    "noise racket din",
    "tool device instrument",
    "horn trumpet",
    "lady woman",
    # How.
    "circular round",
    "outdoor outdoors outside exterior",
    "indoor indoors inside interior",
    "relatively fairly rather somewhat moderately",
    "slightly little bit somewhat faintly",
    "thorough thoroughly careful carefully",
    "gradually slowly steadily",
    "repeat again repeatedly",
    "rummage search look",
    "ground surface floor path terrain pavement",
    "interval pace rate rhythm tempo",
    "monotone monotonous tone flat",
    "rhythmic rhythmical regular regularly",
    "hollow empty",
    "distort distorted distortion",
    "staticky static",
    "crowded busy",
    "often frequent frequently less",
    "varying various vary",
    "change shift vary",
    "high pitched",
    "indistinct indistinctly unclear muffled",
    "excited excitedly",
    "unchanging change",
    "old elderly older",
    "confined enclosed",
    "semi half partly",
    "surface material something",
    "various different differing",
)

# Sounds and courses that exclude each other, whatever else relates them.
CONTRASTING = _groups(
    "bark meow neigh moo bleat quack cluck crow hoot chirp roar oink growl hiss purr howl whimper whine caw coo croak "
    "buzz squawk snort",
    "laugh cry speak sing cough sneeze snore burp whistle shout whisper scream applaud cheer chant sigh yawn moan "
    "hiccup breathe clap boo",
    "hum buzz whistle hiss squeal screech ring beep roar rattle click sizzle tick crackle rumble",
    "open close",
    "increase decrease",
    "louder quieter softer",
    "faster slower",
    "higher lower",
    "start stop end begin cease finish",
    "rise fall",
    "accelerate slow decelerate brake",
    "idle rev accelerate",
    "drip pour gush",
    "rain hail snow wind thunder",
    "clap snap tap",
    "hammer file drill saw sand",
    "run walk crawl",
    "honk ring beep wail",
    "push pull",
    "in out",
    "wood metal plastic glass paper stone",
    "car truck bus train motorcycle helicopter airplane boat",
    "pan plate pencil pen",
    "television radio phone",
    "gunshot thunder firework",
)

# Verbs of sounds beside those of the lexicon: none of them stands for another.
SOUND_WORDS = frozenset(word for group in CONTRASTING for word in group) | frozenset(
    "bump smash shatter batter pound graze grate rasp scuff rub crush crumple break grind squish tumble clunk chink "
    "bang chitter yelp yap howl hush mumble mutter narrate announce recite pray shriek screech groan moan sigh yawn "
    "gasp wheeze slurp sip gargle spit puff hack choke thunder drizzle slosh swish swoosh whoosh clop trot stomp tap "
    "pat slap smack whack snap crack snip clip sharpen file sand plane weld vacuum sweep brush wipe scrub wash shave "
    "mow plow dig shovel shuffle rummage jangle tinkle strum pluck toot blare wail blast boo hum purr sputter "
    "backfire chug skid crumble rip zip unzip unwrap stir whisk toast boil simmer bake sew knit stitch".split()
)

# Speech verbs: each is heard as something else.
SPEECH = frozenset("speak talk say utter mouth verbalize verbalise sing sound hear voice express act move".split())

# Sources, what they do anyway, and verbs of which one may stand for another beside that source.
_SOURCES = (
    (
        "engine motor machine machinery generator mower pump fan tractor drill saw vacuum blender dryer washer device "
        "tool conditioner computer printer equipment sander grinder appliance",
        "run work operate go",
        "turn",
    ),
    ("bell gong", "ring sound", "chime toll peal play strike"),
    ("phone telephone alarm", "ring sound", ""),
    ("alarm", "sound", "blare ring beep"),
    ("siren", "sound", "wail blare blow scream howl ring whine"),
    ("horn", "sound blast", "blow honk blare toot beep"),
    ("chime", "ring tinkle jingle sound chime", ""),
    ("whistle", "sound blow", "blast toot"),
    (
        "rain raindrop rainfall drizzle",
        "fall come beat patter drum hit strike",
        "pour splash splatter spatter rain pelt",
    ),
    ("snow hail", "fall", ""),
    ("wind breeze gust", "blow", "sweep rush gust"),
    ("thunder", "sound", "rumble boom roll roar crash clap"),
    ("wave surf tide sea ocean", "come", "crash break roll wash sweep beat hit"),
    ("music song tune melody guitar piano instrument band", "play sound", "perform"),
    ("traffic", "pass drive move travel go run flow", ""),
    ("car vehicle truck bus motorcycle motorbike automobile", "drive travel move go", "pass race speed roll run"),
    ("train subway locomotive tram", "", "pass move travel go run roll ride"),
    ("airplane plane aircraft helicopter jet drone", "", "fly pass move travel go cross"),
    ("boat ship motorboat", "", "move travel go sail pass"),
    ("stream brook river creek water", "", "flow run stream"),
    ("footstep step", "fall tread walk go sound come", "pass cross travel move pace walk"),
    ("clock", "tick", "ticktock tock"),
    ("fire", "burn", "crackle"),
    ("gun gunshot gunfire shot machinegun", "fire sound ring", "shoot boom"),
    ("explosion blast", "sound occur", "boom burst"),
    ("light bang knock thud thump clang crack shot click beep", "sound ring", ""),
    ("applause", "sound", "break burst"),
    ("silence", "fall", "come"),
    ("voice", "speak say sound", "talk"),
    ("bird", "", "chirp sing tweet twitter cheep chirrup peep"),
    ("pig hog", "", "oink grunt snort"),
    ("sheep goat lamb", "", "bleat baa speak call vocalize"),
    ("cricket insect cicada", "", "chirp sing"),
    ("frog", "", "croak sing"),
    ("pigeon dove", "", "coo vocalize"),
    ("toilet", "", "flush"),
    ("door", "", "close shut"),
    ("saw", "cut", "saw slice"),
    ("propeller rotor wheel fan blade", "", "turn spin swing rotate whirl"),
    ("zapper", "", "zap hit"),
    ("food oil bacon meat chicken", "cook", "fry sizzle"),
    ("people person man woman child", "", "talk chat converse speak"),
    ("crowd audience", "", "applaud clap"),
    ("keyboard typewriter", "", "type click tap"),
    ("footstep person man woman horse", "", "walk step"),
    ("lawnmower mower grass", "", "cut mow"),
    ("broom", "", "sweep brush"),
    ("typewriter keyboard", "type", ""),
)
SOURCE_VERBS: tuple[tuple[frozenset[str], frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(sources.split()), frozenset(implied.split()), frozenset(alike.split()))
    for sources, implied, alike in _SOURCES
)

# What sounds, and needs no verb for it in a caption.
SOURCES = frozenset(source for sources, _, _ in SOURCE_VERBS for source in sources) | frozenset(
    "drum flute violin trumpet saxophone organ accordion harmonica harp banjo cello tambourine xylophone "
    "cymbal keyboard vacuum blender dryer dishwasher hammer chainsaw lawnmower typewriter printer camera "
    "computer radio television tv intercom loudspeaker speaker microphone firework bomb cannon rifle "
    "pistol bullet toy balloon robot video game tape water rain metal glass wood paper plastic gravel leaf "
    "grass snow mud oil gas air steam food".split()
)

# Where a sound is made anyway.
SCENES = {
    "kitchen": frozenset("food fry sizzle cook dish pan pot oil grease sink cutlery silverware plate faucet".split()),
    "bathroom": frozenset("toilet shower sink tub bath".split()),
    "shore": frozenset("wave surf tide".split()),
    "beach": frozenset("wave surf tide".split()),
    "sea": frozenset("wave surf tide".split()),
    "water": frozenset("wave shore ocean stream river rain boat splash".split()),
    "sky": frozenset("airplane plane aircraft helicopter jet thunder".split()),
    "swarm": frozenset("bee fly insect wasp mosquito bug".split()),
    "flock": frozenset("bird sheep goose duck gull seagull pigeon crow".split()),
    "herd": frozenset("cow sheep horse goat cattle".split()),
    "pack": frozenset("dog wolf".split()),
    "crowd": frozenset("people applause cheer".split()),
    "sheet": frozenset(("rain",)),
    "fall": frozenset(("leaf",)),
}

# What a noun says beside its own kind: a fountain is of water, tarmac is a surface.
REDUNDANT = {
    **dict.fromkeys(
        "fountain stream faucet tap waterfall river rain shower ocean sea lake puddle".split(), frozenset(("water",))
    ),
    **dict.fromkeys(
        "tarmac concrete gravel floor ground pavement wood metal asphalt road".split(),
        frozenset("surface floor path".split()),
    ),
    **dict.fromkeys("saw drill".split(), frozenset("tool machine blade".split())),
    **dict.fromkeys("keyboard mouse".split(), frozenset(("computer",))),
    "jet": frozenset("plane airplane engine aircraft".split()),
    "siren": frozenset("alarm vehicle".split()),
    "leaf": frozenset(("foliage",)),
}

# Parts of bodies and things without which a sound is not made.
IMPLIED_THINGS = {
    "shut": frozenset(("slam",)),
    "blow": frozenset("horn whistle honk play".split()),
    "beep": frozenset(("honk",)),
    "look": frozenset("rummage search".split()),
    "engine": frozenset(("motor",)),
    "music": frozenset("melody tune song guitar piano instrument drum flute".split()),
    "siren": frozenset(("emergency",)),
    "increase": frozenset("faster louder accelerate stronger higher".split()),
    "faster": frozenset("speed accelerate".split()),
    "nose": frozenset("sniff sniffle snort sneeze blow".split()),
    "throat": frozenset(("clear",)),
    "mouth": frozenset("chew eat whistle".split()),
    "lip": frozenset(("smack",)),
    "wing": frozenset("flap flutter".split()),
    "hand": frozenset("clap applaud".split()),
    "tooth": frozenset(("brush",)),
    "keyboard": frozenset(("type",)),
    "propeller": frozenset(("helicopter",)),
    "storm": frozenset(("thunder",)),
    "blade": frozenset(("saw",)),
}

# Words for what goes on or comes again: one of them says it.
REPEATING = frozenset(
    "repeatedly repeated repeating repeats repeat constant constantly continuous continuously continually again keeps "
    "keep kept continues".split()
)

# Who makes a sound that nobody else makes.
ONE_MAKER = {
    "pig": frozenset(("oink",)),
    "cow": frozenset(("moo",)),
    "dog": frozenset(("bark", "woof")),
    "cat": frozenset(("meow",)),
    "duck": frozenset(("quack",)),
    "sheep": frozenset(("baa",)),
    "rooster": frozenset(("crow",)),
    "crowd": frozenset("applause cheer".split()),
    "audience": frozenset(("applause",)),
    "keyboard": frozenset(("typing",)),
    "someone": frozenset(("typing",)),
    "step": frozenset("walk footstep run".split()),
}

# What a source is heard to have: an engine its roar, a flute its notes.
_LOUD_SOURCES = (
    "engine motor machine machinery vehicle car truck bus train airplane plane jet aircraft helicopter motorcycle "
    "motorbike motorboat boat traffic crowd fire wave surf wind storm waterfall rapid cannon explosion blast lion "
    "tiger bear chainsaw mower lawnmower race"
)
OWN_SOUNDS = {
    "roar": frozenset(_LOUD_SOURCES.split()),
    **dict.fromkeys(
        "note tone strain melody tune".split(),
        frozenset(
            "music song tune melody instrument piano guitar violin flute xylophone drum trumpet saxophone organ "
            "accordion harmonica harp banjo cello bell chime whistle horn bird sing play".split()
        ),
    ),
    **dict.fromkeys("call cry".split(), frozenset("bird animal owl crow gull duck goose monkey caw hoot".split())),
    **dict.fromkeys("word voice".split(), frozenset("speak talk say speech conversation sing shout".split())),
    "rush": frozenset("wind water stream river wave traffic train air".split()),
    "drone": frozenset("engine motor machine airplane plane aircraft insect bee fan".split()),
    "rumble": frozenset("engine motor train truck thunder machine".split()),
    "beat": frozenset("drum music".split()),
    "ring": frozenset("bell phone telephone".split()),
}
# Words for any loud sound.
RACKETS = frozenset("racket din noise clamour clamor commotion uproar ruckus".split())

# What an answer may say of the course of any sound.
ASPECTS = frozenset(
    "steadily clearly plainly audibly otherwise likewise besides alike gradually time own grow still always seem "
    "mere very rest lone moment out loose".split()
)

# How a sound is or is made, and words of no sound; a paraphrase may leave them out.
LIGHT_WORDS = frozenset(
    "loud soft quiet faint light heavy gentle slight steady steadily certain specific particular typical random "
    "actual whole entire own general usual various different differing distinct clear sharp sudden hard bit "
    "relatively powered nature clip contents content cause punctuate interrupt accompany join mix mingle lead result "
    "wear object item thing location space place side outside outdoors sequence succession row order turn "
    "series".split()
)

# What is never light: how often, how many, and what denies.
NEVER_LIGHT = frozenset(
    "not no never again twice thrice once repeatedly repeated several many multiple continuously continuous constantly "
    "constant occasionally occasional intermittently only alone almost louder quieter faster slower higher lower "
    "increase decrease silence quiet high low backwards upstairs downstairs first second half".split()
)
