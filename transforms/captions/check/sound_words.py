"""Word lists of the sounds: words that tell nothing, words that may go missing, and words of one sense."""

from __future__ import annotations

FUNCTION_WORDS = frozenset(
    "a an the this that these those some any and or but as while whilst when then than so with by of in on at to from "
    "into onto for over through during after before until once followed following follows follow along amid among amidst "
    "is are was were be been being am it its it's itself they their them he his him she her hers you your i my me we our "
    "us who which whose what where there here has have had having do does did can may will would also both together all "
    "each other another up down out off around about between upon within via simultaneously meanwhile "
    "accompanied alongside just even though although since because yet still too toward towards across against "
    "beneath under underneath past atop aboard under without like himself herself themselves theirs one later soon "
    "shortly afterwards afterward finally eventually ultimately last first next now "
    "near nearby close beside behind above below away along joined very quite rather really else "
    "if though whose yet throughout including".split()
)

# What may be added to an original without a sound being added: verbs that only carry another word ("gives a bark"),
# and words for sound and hearing.
CARRIERS = frozenset(
    "sound noise hear audible come emanate originate occur happen make produce emit give let issue arrive get set "
    "reach rise carry drift hold be have do go travel move utter release listener somewhere something someone somebody "
    "join mix mingle accompany underneath punctuate blend ensue sequence take turn place keep "
    "moment voice same".split()
)

# Words of an original that say nothing of its sounds.
VACUOUS = frozenset(
    "sound noise background distance nearby distant ongoing type kind sort occur happen someone somebody something "
    "same different hear audible foreground scene recording time fashion manner way pattern present "
    "setting environment area surroundings discernible noticeable perceptible".split()
)

# Verbs that say nothing beside another verb or a noun that says it: "begins crying", "makes a call", "does a reset".
LIGHT_VERBS = frozenset(
    "begin start continue keep go get come take make do give let have perform hold travel move".split()
)

# How often and how many: "repeatedly, over and over" says it once.
QUANTITIES = frozenset("several multiple numerous various many different few repeatedly repeated repetitive".split())

# Aspects of a verb: a sequence ("then birds begin to sing") or a word like "continuously" lets an answer add them.
BEGINNINGS = frozenset("begin start commence".split())

# Words of one sense. Each line is one class; only what a paraphrase may swap without a change of the sound. The forms
# of a word are found by its lemma and need no mention.
SAME_SENSE = (
    "man men male males gentleman guy guys",
    "woman women female females lady ladies",
    "child children kid kids",
    "baby infant toddler",
    "person human individual someone somebody anyone",
    "people persons humans folk",
    "speak speech talk say voice conversation converse chat speaker vocal",
    "mutter murmur mumble",
    "shout yell holler",
    "scream shriek",
    "cry weep",
    "laugh laughter",
    "sing song chirp tweet",
    "fly flight",
    "shoot shot gunshot",
    "begin start commence",
    "piece bit",
    "continuously continuous constant constantly continual continually steady steadily consistent consistently keep "
    "nonstop continue incessant incessantly endless endlessly persistent persistently ongoing",
    "several multiple numerous various many different few repeatedly repeated repetitive repetitively repeat",
    "occasionally occasional sometimes intermittent intermittently sporadic sporadically periodic periodically",
    "loud loudly noisy noisily",
    "soft softly gentle gently",
    "quiet quietly",
    "fast rapid rapidly quick quickly swift swiftly",
    "slow slowly",
    "hard difficult",
    "hard heavy heavily strong strongly",
    "faint faintly",
    "light lightly",
    "brief briefly short shortly",
    "big large",
    "small little",
    "moderate moderately medium",
    "engine motor",
    "automobile car",
    "truck lorry",
    "sniff sniffle",
    "tick ticktock",
    "hit strike",
    "tv television",
    "airplane aeroplane plane aircraft",
    "telephone phone",
    "bicycle bike",
    "motorbike motorcycle",
    "applause applaud clap",
    "thunder thunderclap",
    "rain rainfall raindrop",
    "walk footstep step footfall",
    "operate run work operating function",
    "burp belch",
    "vocalize call vocalise",
    "ring chime peal toll",
    "outside outdoors outdoor",
    "inside indoors indoor",
    "horn honk",
    "tap faucet",
    "travel drive",
    "again resume",
    "bleep beep",
    "chirp chirrup",
    "increase grow rise intensify",
    "near approach approaches",
    "pass passes passing",
    "music tune melody",
    "ocean sea",
    "toilet lavatory",
    "railroad railway",
    "aboard board",
    "road street",
    "rock stone",
    "floor ground",
    "stop cease halt pause",
    "finish end",
    "use using",
    "audience crowd",
    "reply answer respond",
    "close shut",
    "pig swine hog",
    "rooster cock cockerel",
    "insect bug",
    "reverse backwards",
    "dish dishes crockery",
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
