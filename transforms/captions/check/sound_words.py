"""Word lists of the sounds: words that tell nothing, words that may go missing, and words of one sense."""

from __future__ import annotations

FUNCTION_WORDS = frozenset(
    "a an the this that these those some any and or but as while whilst when then than so with by of in on at to from "
    "into onto for over through during after before until once followed following follows follow along amid among "
    "amidst is are was were be been being am it its it's itself they their them he his him she her hers you your i my "
    "me we our us who which whose what where there here has have had having do does did can may will would also both "
    "together all each other another up down out off around about between upon within via simultaneously meanwhile "
    "accompanied alongside just even though although since because yet still too toward towards across against "
    "beneath under underneath past atop aboard like himself herself themselves theirs one later soon shortly "
    "afterwards afterward finally eventually ultimately last first next now near nearby close beside behind above "
    "below away joined very quite rather really else if throughout including could would should must shall others ones"
    " back forth".split()
)

# What may be added to an original without a sound being added: verbs that only carry another word ("gives a bark"),
# and words for sound and hearing.
CARRIERS = frozenset(
    "sound noise hear audible come emanate originate occur happen make produce emit give let issue arrive get set "
    "reach rise carry drift hold be have do go travel move utter release listener somewhere something someone "
    "somebody join mix mingle accompany underneath punctuate blend ensue sequence take turn place keep moment voice "
    "same echo reverberation reverberate room stand use become word backdrop float waft spill filter erupt overlap "
    "underlie underscore unfold proceed appear exist include contain consist involve feature surround burst way "
    "manner fashion".split()
)

# Words of an original that say nothing of its sounds.
VACUOUS = frozenset(
    "sound noise background distance nearby distant ongoing occur happen someone somebody something same different "
    "far hear audible foreground scene recording time fashion manner way pattern present group make "
    "produce emit generate create cause "
    "level rate rhythm intensity frequency pace tempo succession motion movement action activity process degree "
    "amount range effect backdrop proceed exist appear include contain consist involve feature setting environment "
    "area surroundings pitched discernible noticeable perceptible".split()
)

# Verbs that say nothing beside another verb or a noun that says it: "begins crying", "makes a call", "does a reset".
LIGHT_VERBS = frozenset(
    "begin start continue keep go get come take do give let have perform hold travel move use engage become "
    "grow deliver".split()
)

# How often and how many: "repeatedly, over and over" says it once.
QUANTITIES = frozenset(
    "several multiple numerous various many different few much repeatedly repeated repetitive".split()
)

# Only people are heard so: an answer may name them where the original does not.
HUMAN_SOUNDS = frozenset(
    "speak speech talk say voice conversation laugh laughter cheer applause applaud clap shout yell sing chant cough "
    "sneeze burp snore type chatter whisper footstep walk knock".split()
)

# Verbs that add nothing to the things that do nothing else: an engine runs, a bell rings, the wind blows.
VERBS_OF_THINGS = {
    "run": frozenset("engine motor machine machinery vehicle car truck generator fan tractor mower pump".split()),
    "ring": frozenset("bell phone telephone chime".split()),
    "blow": frozenset("horn whistle wind breeze".split()),
    "tick": frozenset("clock watch".split()),
    "play": frozenset("music song tune melody instrument piano guitar".split()),
    "fall": frozenset("rain rainfall snow hail".split()),
    "strike": frozenset("footstep rain hail".split()),
    "hit": frozenset("footstep rain hail".split()),
    "flow": frozenset("stream brook river".split()),
}

# Aspects of a verb: a sequence ("then birds begin to sing") or a word like "continuously" lets an answer add them.
BEGINNINGS = frozenset("begin start commence".split())

# Words of one sense. Each line is one class; only what a paraphrase may swap without a change of the sound. The forms
# of a word are found by its lemma and need no mention.
SAME_SENSE = (
    # People.
    "man men male males gentleman guy guys",
    "woman women female females lady ladies",
    "child children kid kids youngster",
    "baby infant toddler",
    "adult grown grownup",
    "person human individual someone somebody anyone",
    "people persons humans folk",
    "crowd audience",
    "group bunch gathering band",
    "flock group",
    # Voices.
    "speak speech talk say voice conversation converse chat speaker vocal dialogue discuss discussion communicate "
    "communication chatter",
    "mutter murmur mumble",
    "shout yell holler",
    "scream shriek",
    "cry weep sob",
    "laugh laughter",
    "giggle chuckle titter",
    "whine whimper",
    "reply answer respond response",
    "announce announcement",
    "sing song chirp tweet",
    "chirp chirrup twitter",
    "vocalize call vocalise vocalization vocalisation",
    "burp belch",
    "sniff sniffle",
    "breathe breath",
    "chew munch",
    "snore snoring",
    # Strokes and bells.
    "hit strike",
    "knock rap",
    "thump thud",
    "bang slam",
    "ring chime peal toll ding",
    "beep bleep blip",
    "tick ticktock tock",
    "horn honk toot",
    "clap applaud applause",
    "shoot shot gunshot gunfire",
    "explode explosion blast",
    "squeak creak",
    "screech squeal",
    "rustle ruffle",
    "crumple scrunch",
    "crinkle crackle",
    "hum drone",
    "whirr whir",
    "gurgle bubble burble",
    "sizzle fry",
    "splash splatter",
    "scratch scrape",
    "rattle clatter",
    # Movement.
    "spin whirl rotate revolve turn",
    "move shift",
    "travel drive",
    "pass passes passing",
    "near approach approaches",
    "fly flight",
    "walk footstep step footfall",
    "accelerate speed",
    "flow run stream",
    "drip dribble",
    "pour stream",
    "rush gush",
    "toss throw",
    "drag pull haul",
    # Course.
    "begin start commence",
    "stop cease halt pause end",
    "finish end",
    "again resume",
    "increase grow rise intensify heavier stronger",
    "decrease fade lessen diminish",
    "change vary",
    "operate run work operating function",
    "use using",
    "close shut",
    "continuously continuous constant constantly continual continually steady steadily consistent consistently keep "
    "nonstop continue incessant incessantly endless endlessly persistent persistently ongoing "
    "uninterrupted unbroken ceaseless ceaselessly unceasing unceasingly even evenly",
    "several multiple numerous various many different few couple repeatedly repeated repetitive repetitively repeat",
    "keep repeatedly",
    "occasionally occasional sometimes intermittent intermittently sporadic sporadically periodic periodically",
    "irregular irregularly uneven unevenly",
    "regular regularly even evenly",
    # Manner.
    "loud loudly noisy noisily",
    "tone pitch",
    "soft softly gentle gently quiet quietly faint faintly light lightly slight slightly",
    "fast rapid rapidly quick quickly swift swiftly speedy",
    "slow slowly",
    "hard difficult",
    "hard heavy heavily strong strongly intense intensely powerful powerfully vigorous vigorously",
    "brief briefly short shortly momentary momentarily",
    "long prolonged lengthy extended",
    "deep low",
    "high shrill",
    "big large",
    "small little",
    "moderate moderately medium",
    "narrow tight",
    "muffled muted",
    "metal metallic",
    "electric electronic electrical",
    "happy happily cheerful cheerfully",
    "young youthful",
    # Things.
    "engine motor",
    "machine machinery mechanical",
    "automobile car",
    "truck lorry",
    "helicopter chopper",
    "airplane aeroplane plane aircraft",
    "bicycle bike",
    "motorbike motorcycle",
    "motorboat powerboat speedboat",
    "train locomotive",
    "subway metro",
    "telephone phone",
    "tv television",
    "speaker loudspeaker",
    "tap faucet spigot",
    "bucket pail",
    "pot pan",
    "dish dishes crockery plate",
    "silverware cutlery",
    "bag sack",
    "toilet lavatory",
    "railroad railway",
    "music tune melody",
    "ocean sea",
    "shore shoreline seashore coast beach",
    "brook creek stream",
    "pavement sidewalk",
    "road street",
    "forest woods",
    "rock stone",
    "floor ground",
    "wind breeze gust",
    "rain rainfall raindrop raindrops",
    "storm windstorm rainstorm",
    "thunder thunderclap",
    "liquid fluid",
    "store shop",
    "insect bug",
    "pig swine hog",
    "rooster cock cockerel",
    "frog toad",
    "piece bit",
    "microphone mic",
    "suddenly abruptly sudden abrupt",
    "trickle dribble",
    "one 1",
    "two 2",
    "three 3",
    "four 4",
    "five 5",
    "item object thing something stuff",
    "aboard board",
    "outside outdoors outdoor",
    "inside indoors indoor",
    "reverse backwards",
    "together simultaneously",
    "vibrate vibration",
)

# Nobody is exchanged for a near synonym.
PEOPLE = frozenset(
    "man woman boy girl child kid baby infant person people male female someone somebody lady gentleman guy adult "
    "men women boys girls children father mother crowd".split()
)

FOREIGN_WORDS = frozenset(
    "le la les un une des du et dans avec sur est der das und ein eine einen mit auf im el los las con y una del por "
    "para het een og och il di che della um uma em ist sind den dem von zu ne pas il elle van dan yang".split()
)
