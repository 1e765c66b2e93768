"""Word lists of the sounds: words that tell nothing, words that may go missing, and words of one sense."""

from __future__ import annotations

FUNCTION_WORDS = frozenset(
    "a an the this that these those some any and or but as while when whilst then than so with by of in on at to from "
    "into onto for over through during after before followed following follows follow along amid among amidst is are "
    "was were be been being am it its it's itself they their them he his him she her hers you your i my me we our us "
    "who which whose what where there here has have had having do does did can may will would also both together "
    "all each other another up down out off around about between upon within inside via simultaneously meanwhile "
    "accompanied alongside just".split()
)

# Words that tell where and how a sound is heard, and add nothing to what is heard.
NEUTRAL_WORDS = frozenset(
    "sound sounds sounding noise noises heard hear hearing audible come comes coming came emanate emanates emanating "
    "originate originates originating located locate situated positioned source sources place placed side position "
    "room space occur occurs occurring happen happens happening fill fills filling area environment acoustic "
    "acoustically acoustics highly very listener away direction enclosed reverberation hand part set setting present "
    "end presence close produced produce producing made make makes making emitted emit emitting issuing arriving "
    "arrives corresponding surrounding somewhere".split()
)

# Words of the original that may go missing without a sound going missing.
DROPPABLE_WORDS = frozenset(
    "sound noise background distance loud soft quiet constant continuous continual several various multiple different "
    "some many few more repeated repetitive intermittent occasional rapid slow fast heavy light gentle steady sudden "
    "slight nearby distant other same again once twice time ongoing type kind begin start continue "
    "occur make take get go come be large small big little".split()
)

# Words of one sense, each line one; only what a paraphrase may swap without a change of the sound.
SAME_SENSE = (
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

FOREIGN_WORDS = frozenset(
    "le la les un une des du et dans avec sur est der das und ein eine einen mit auf im el los las con y una del por "
    "para het een og och il di che della um uma em ist sind den dem von zu ne pas il elle van dan yang".split()
)
