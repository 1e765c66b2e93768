"""Captions in free prose: what is said of all the sounds counts for the place, what is said of one of them does not."""

from __future__ import annotations

import pytest

from transforms.captions.check import check_caption
from transforms.words import VOCABULARY, SpatialWords

DOG = "A dog barks"
TWO = "A dog barks while a man speaks"
LAUGHS = "A woman laughs as others chuckle"
ENGINE = "An engine revs and sputters"

# The original, the words of its row, and a caption that is right for them.
RIGHT = [
    # All the sounds are muffled.
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, all of it dull and deadened."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, everything muted."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, every sound hushed and muffled."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, the sounds dampened and dull."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, both of them rather muffled."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, and it all sounds muffled and dead."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, the whole of it deadened."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, the whole scene dull and without echo."),
    (TWO, "left dampened", "Dulled and muffled, a dog barks while a man speaks on the left."),
    (TWO, "left dampened", "Muted and on the left, a dog barks while a man speaks."),
    (TWO, "left dampened", "A dog barks while a man speaks on the left, all in a flat, muffled acoustic."),
    (DOG, "far dampened", "Far away, a dog barks, its barking dull and muffled."),
    (DOG, "far dampened", "A dog barks far off, its sound softened and dead."),
    (DOG, "far dampened", "A dog barks far off, muffled and echoless."),
    (ENGINE, "up dampened", "Up above, an engine revs and sputters, its racket dulled."),
    (LAUGHS, "back dampened", "Behind you, a woman laughs as others chuckle, their laughter deadened."),
    (DOG, "far dampened", "A dog barks far away, as muffled as if it were wrapped in blankets."),
    (DOG, "far dampened", "A dog barks far away, dulled as if by thick curtains."),
    (TWO, "far dampened", "Far away, muffled as though under a pile of cushions, a dog barks while a man speaks."),
    (TWO, "far dampened", "Far away, a dog barks while a man speaks, all of it muffled as if by cotton wool."),
    # What is muffled in the original is a sound's own.
    ("A man speaks in a muffled voice", "left", "On the left, a man speaks, his voice muffled."),
    ("Muffled speech", "left dampened", "On the left, in a dead room, someone speaks, the voice muffled."),
    # All the sounds echo.
    (DOG, "left reverberant", "On the left, a dog barks, and each bark echoes."),
    (ENGINE, "back reverberant", "Behind you, an engine revs and sputters, its roar echoing off the walls."),
    (ENGINE, "back reverberant", "Behind you, an engine revs and sputters, and its noise goes echoing around."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, every sound trailing echoes."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, the whole of it echoing on and on."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, each sound leaving a long echo."),
    (
        TWO,
        "left large reverberant",
        "In a vast hall where every sound echoed and hung, a dog barked while a man spoke on the left.",
    ),
    # No hedge of the place.
    ("A cat cries in pain", "up", "Above you, a cat cries as if in pain."),
    ("A man shouts angrily", "left", "On the left, a man shouts as though angry."),
    ("Unintelligible speech", "left", "On the left, speech of which no word could be understood."),
    # The place said again.
    (TWO, "left", "On the left, a dog barks while from the same side a man speaks."),
    (TWO, "near", "A dog barks nearby while a man speaks just as close."),
    (TWO, "down", "Down below, a dog barks while a man speaks down there too."),
    (TWO, "far", "A dog barks far away while a man speaks equally far off."),
    (TWO, "near", "A dog barks close to me while a man speaks, likewise close by."),
    (TWO, "up left", "Up on the left a dog barks, while a man speaks from that same spot."),
    # Rooms and spots.
    (DOG, "small", "A dog barks within the confines of a cramped room."),
    (DOG, "small", "A dog barks in a small venue."),
    (DOG, "down left", "On the left, from a low spot, a dog barks."),
    (DOG, "up", "A dog barks from a high position."),
    (DOG, "far", "From a distant point, a dog barks."),
    (DOG, "left far", "A dog barks from a spot far off on the left."),
    (DOG, "large reverberant", "A dog barks in a large venue with a long echo."),
    ("A dog barks outside", "small", "In a small room, a dog barks."),
    # Words.
    ("A horn honks for three seconds", "left", "On the left, a horn honks in a three-second burst."),
    ("Music plays briefly", "left", "On the left, music plays for a brief while."),
    (
        "A crowd claps with a man speaking in the middle",
        "left",
        "On the left, a crowd claps, with a man speaking midway through.",
    ),
    ("Water runs continuously", "left", "On the left, water runs in an unbroken stream."),
    ("A swam of bees buzzes", "left", "On the left, a swarm of bees buzzes."),
    ("An explosion with high wind", "left", "On the left, an explosion and the rush of a fierce wind."),
    ("A car engine accelerating", "left", "On the left, a car engine accelerates, its roar growing."),
    ("A man speaks briefly", "left", "On the left, a man says a few words."),
    ("A woman inhales", "left", "On the left, a woman draws a breath in."),
    (
        "An adult male speaks, followed by another adult male speaking",
        "left",
        "On the left, an adult male speaks, followed by another.",
    ),
    ("Some music follows a speech", "left", "On the left, a speech is followed by some music."),
    ("Ducks are quaking", "left", "On the left, ducks quack."),
    ("Plastic crinkles and plastic thumps", "left", "On the left, plastic crinkles and thumps."),
    # Echo that is taken away, or given back.
    ("A cat meows", "front reverberant", "In front of you, a cat meows, and the meows echo."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, and both come out dull."),
    (TWO, "left dampened", "On the left, in a room with the echo taken out of it, a dog barks while a man speaks."),
    (TWO, "left dampened", "On the left, muffled by thick curtains, a dog barks while a man speaks."),
    (TWO, "left dampened", "In a room that gives nothing back, a dog barks while a man speaks on the left."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, the two of them dull and lifeless."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, everything dry and muffled."),
    (ENGINE, "left reverberant", "On the left, an engine revs and sputters, and the sputtering echoes."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, and every word echoes."),
]

# The original, the words of its row, and a caption that is wrong for them.
WRONG = [
    # One of several sounds is muffled, or echoes.
    (TWO, "left dampened", "On the left, a dog barks, its bark muffled, while a man speaks."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, his voice dull and muffled."),
    (TWO, "left dampened", "On the left, a muffled dog barks while a man speaks."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, the barking muffled."),
    (
        "A bell rings and people talk",
        "left dampened",
        "On the left, a bell rings and people talk, their voices muffled.",
    ),
    ("A dog barks and people talk", "left dampened", "On the left, a dog barks and people talk, their talk deadened."),
    (TWO, "left reverberant", "On the left, a dog barks, its bark echoing, while a man speaks."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, his voice echoing on and on."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, and each bark echoes."),
    # By a thing, or in a room of its own.
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, muffled by a door."),
    (DOG, "left dampened", "On the left, a dog barks, muffled by the wall of another room."),
    (DOG, "left dampened", "On the left, a dog barks, muffled as if behind a door."),
    (DOG, "left dampened", "On the left, a dog barks, not muffled."),
    (DOG, "left dampened", "On the left, a dog barks, all of it hardly muffled."),
    (DOG, "left", "On the left, a dog barks, all of it muffled."),
    (DOG, "left", "On the left, a dog barks, its sound dulled as if by heavy cloth."),
    (DOG, "left reverberant", "On the left, a dog barks, all of it muffled."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, all of it echoing."),
    ("A muffled dog barks", "left dampened", "On the left, a dog barks, its bark muffled."),
    ("Muffled speech", "left dampened", "On the left, speech, all of it muffled."),
    # Similes that hedge the place.
    (DOG, "left", "A dog barks as if from the left."),
    (DOG, "left", "As if on the left, a dog barks."),
    (DOG, "near", "A dog barks as though it were nearby."),
    (DOG, "small", "A dog barks as if in a small room."),
    (DOG, "left reverberant", "On the left, a dog barks as if with an echo."),
    (DOG, "far", "Far away, as it seems, a dog barks."),
    (DOG, "left", "A dog barks that could be on the left."),
    # A place that does not agree, or is another's.
    (TWO, "left", "On the left, a dog barks while from the opposite direction a man speaks."),
    (TWO, "near", "Nearby, a dog barks while a man speaks just as far off."),
    (TWO, "down", "Down below, a dog barks while a man speaks up there."),
    (DOG, "left", "A dog barks from the same direction."),
    (DOG, "near", "A dog barks just as near as a man."),
    (DOG, "down", "A dog barks from a low."),
    (DOG, "up", "A dog barks from a low position."),
    (DOG, "small", "A dog barks in the confines of a large room."),
    (DOG, "small", "A dog barks outside a small venue."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, the echo taken out of it all."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, and the barking echoes."),
    (ENGINE, "left reverberant", "On the left, an engine revs and sputters, and the horn echoes."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, each bark muffled."),
    (TWO, "left dampened", "On the left, a dog barks while a man, muffled, speaks."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, not all of it muffled."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, part of it muffled."),
    (TWO, "left dampened", "On the left, a dog barks while a man speaks, all of it muffled by a thick wall."),
    (DOG, "left dampened", "On the left, a dog barks, its meow muffled."),
    (DOG, "left dampened", "On the left, a dog barks, its roar muffled."),
    (DOG, "left reverberant", "On the left, a dog barks in a room that gives nothing back."),
    (DOG, "left reverberant", "On the left, a ball rolls around the room."),
    (DOG, "left", "On the left, a dog barks in a wash of echo."),
    (TWO, "left reverberant", "On the left, a dog barks while a man speaks, his words thrown back by the walls."),
    (TWO, "left reverberant", "On the left, a dog barks, blurred by echo, while a man speaks."),
    (DOG, "left reverberant", "On the left, a dog barks, and nothing rings back off the walls."),
    (DOG, "left reverberant", "On the left, a dog barks, its tail hanging."),
    # What follows what, and another.
    ("Music follows a speech", "left", "On the left, a speech follows music."),
    ("A man speaks", "left", "On the left, a man speaks, followed by another."),
    ("A crowd claps with a man speaking in the middle", "left", "On the left, a crowd claps before a man speaks."),
    ("A man speaks and a man laughs", "left", "On the left, a man speaks and laughs."),
    # Grammar.
    ("A machine hums", "left", "On the left, a machine that humming."),
    ("Heavy rain pours", "left", "On the left, heavy rain were pouring."),
    ("A man talks", "left", "On the left, a man are talking."),
    ("Someone talks", "left", "On the left, someone are talking."),
    ("A man talks", "left", "On the left, a man who talking."),
    ("The doors open", "left", "On the left, someone knocks and the doors opens."),
    ("Music plays at a loud volume", "left", "On the left, music plays at a loud."),
    # Words.
    ("A horn honks for three seconds", "left", "On the left, a horn honks in a five-second burst."),
    (DOG, "left", "On the left, a dog barks in a three-second burst."),
    ("A woman swam", "left", "On the left, a swarm."),
    ("Wind blows", "left", "On the left, wind blows and an engine, its roar growing."),
    (DOG, "left", "On the left, a dog barks, its meow loud."),
    (DOG, "left", "On the left, a dog barks, and each meow echoes."),
]

# Ways to say that all the sounds echo, and that none does.
ECHO = {
    "dampened": [
        "every sound soft and dead",
        "the sounds soaked up at once",
        "every sound falling dead",
        "each muffled and short",
        "all of it sounding as though wrapped in blankets",
        "the sound not carrying at all",
        "the air dead",
        "with a dull, muffled quality",
        "each sound ending the moment it is made",
        "in a carpeted hush",
        "with the echo all but gone",
        "everything muffled and indistinct",
        "all swallowed by the room",
    ],
    "reverberant": [
        "every sound hanging in the air",
        "with echoes coming back from all sides",
        "and everything rings",
        "the whole room ringing with it",
        "the sounds blurred by echo",
        "every sound thrown back",
        "with the walls giving it all back",
        "and the sound rings round the room",
        "with a long, reverberant decay",
        "the echoes chasing each other",
        "in a hall where everything resounds",
        "the sound rolling back off the walls",
    ],
}


def _verdict(original: str, row: str, answer: str) -> str | None:
    given = {attribute: word for attribute in VOCABULARY for word in VOCABULARY[attribute] if word in row.split()}
    return check_caption(answer, original, SpatialWords(**given))


@pytest.mark.parametrize(("original", "row", "answer"), RIGHT)
def test_prose_that_is_right_is_kept(original: str, row: str, answer: str) -> None:
    assert _verdict(original, row, answer) is None


@pytest.mark.parametrize(("original", "row", "answer"), WRONG)
def test_prose_that_is_wrong_is_refused(original: str, row: str, answer: str) -> None:
    assert _verdict(original, row, answer) is not None


@pytest.mark.parametrize(("word", "told"), [(word, told) for word in ECHO for told in ECHO[word]])
def test_what_is_told_of_all_the_sounds_says_one_word_and_not_the_other(word: str, told: str) -> None:
    answer = f"On the left, a dog barks while a man speaks, {told}."
    assert _verdict(TWO, f"left {word}", answer) is None
    other = next(one for one in ECHO if one != word)
    assert _verdict(TWO, f"left {other}", answer) is not None
    assert _verdict(TWO, "left", answer) is not None
