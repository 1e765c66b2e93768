"""Random scenes of captions like those of AudioCaps and Clotho, for tests and benchmarks."""

from __future__ import annotations

import random
from collections.abc import Sequence

from transforms.scene_words import SceneWords, SourceWords, time_relations
from transforms.words import VOCABULARY

CAPTIONS = (
    "A dog barks",
    "A man speaks",
    "Rain falls on a roof while thunder rumbles",
    "A bell rings",
    "A woman laughs and then speaks",
    "An engine idles and revs up",
    "Birds are chirping in the trees",
    "A telephone rings several times",
    "Someone is typing on a keyboard",
    "A cat meows repeatedly",
    "Water flows from a faucet into a sink",
    "A crowd applauds and cheers",
    "A train passes by on the tracks",
    "Wind blows through the leaves",
    "A baby cries loudly",
    "Two men argue",
    "A police siren wails",
    "Music plays on a radio",
    "Food sizzles in a frying pan",
    "A door creaks open and slams shut",
    "Loud humming of a generator",
    "A helicopter is hovering",
    "Footsteps on gravel",
    "Waves crash onto the shore",
    "An owl hoots in the night",
    "A clock ticks steadily",
    "Children playing and shouting in a playground",
    "A horse gallops on a hard surface",
    "A vacuum cleaner is running",
    "Church bells toll",
    "A sewing machine stitches fabric",
    "A frog croaks",
    "A person snores",
    "A motorcycle accelerates",
    "Insects buzz and crickets chirp",
    "A sheep bleats twice",
    "Glass breaks",
    "A duck quacks followed by a splash",
    "A chainsaw cuts wood",
    "A toilet flushes",
    "A violin plays a sad melody",
    "A whistle blows",
    "Someone knocks on a wooden door",
    "A goat bleats and a bell jingles",
    "A car horn honks twice",
    "A fire crackles",
    "Paper is crumpled and torn",
    "Coins jingle in a pocket",
    "A spray can hisses",
    "A basketball bounces in a gym",
    "A kettle whistles on a stove",
    "Fireworks explode and people scream",
    "A stream of water trickles over rocks",
    "A hammer hits a nail",
    "The printer hums as it prints pages",
    "A rooster crows",
    "A lawn mower drones",
    "A choir sings a hymn",
    "Typing on a mechanical typewriter with a bell",
    "A pig oinks",
    "A drill whirs",
    "An alarm beeps continuously",
)
_MOTIONS = ("nearer", "farther", "up", "down")


def draw_source(draw: random.Random, caption: str, *, moves: bool) -> SourceWords:
    """A sound with random words of its place; one that moves has a random motion."""

    def maybe(attribute: str, share: float) -> str | None:
        return draw.choice(VOCABULARY[attribute]) if draw.random() < share else None

    direction, elevation = maybe("direction", 0.75), maybe("elevation", 0.3)
    distance, motion = maybe("distance", 0.6), None
    if moves:
        motion = draw.choice(_MOTIONS) if draw.random() < 0.5 else "around"
        if motion == "around":
            direction = direction or draw.choice(VOCABULARY["direction"])
            motion = f"{direction} to {draw.choice([word for word in VOCABULARY['direction'] if word != direction])}"
    if not (direction or elevation or distance or motion):
        direction = draw.choice(VOCABULARY["direction"])
    return SourceWords(caption, direction, elevation, distance, motion)


def draw_scene(draw: random.Random, captions: Sequence[str] = CAPTIONS, *, most: int = 4) -> SceneWords:
    """A scene of one to `most` different captions, a third of the sounds in motion."""
    count = draw.randint(1, most)
    chosen = draw.sample(list(captions), count)
    sources = tuple(draw_source(draw, text, moves=count == 1 or draw.random() < 1 / 3) for text in chosen)
    onsets = sorted(draw.uniform(0, 8) for _ in chosen)
    times = time_relations([(onset, onset + draw.uniform(1, 6)) for onset in onsets])
    room = {name: draw.choice((None, *VOCABULARY[name])) for name in ("room_size", "reverberation")}
    return SceneWords(sources, room["room_size"], room["reverberation"], times)
