"""The check of an answer: what is let through, and why what is refused is refused."""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts import PHRASES, place_phrase
from transforms.captions.check import REASONS, check_caption, clean_answer
from transforms.captions.check.place import check_place
from transforms.captions.check.text import is_english
from transforms.words import VOCABULARY, SpatialWords

DOG = "A dog barks"
WORDS = st.builds(
    SpatialWords, **{attribute: st.sampled_from([None, *words]) for attribute, words in VOCABULARY.items()}
)

RIGHT = [
    ("A dog barks nearby on the left.", DOG, {"distance": "near", "direction": "left"}),
    ("A dog is barking close by, to the left.", DOG, {"distance": "near", "direction": "left"}),
    (
        "The bark of a dog is coming from the near left of a small room.",
        DOG,
        {"distance": "near", "direction": "left", "room_size": "small"},
    ),
    (
        "A dog barks from the far up right of a large highly reverberant room.",
        DOG,
        {
            "distance": "far",
            "elevation": "up",
            "direction": "right",
            "room_size": "large",
            "reverberation": "reverberant",
        },
    ),
    ("A dog barks overhead, in the distance.", DOG, {"distance": "far", "elevation": "up"}),
    ("A dog barks in a tiny, acoustically dampened room.", DOG, {"room_size": "small", "reverberation": "dampened"}),
    ("A dog barks in a big, echoing space.", DOG, {"room_size": "large", "reverberation": "reverberant"}),
    ("A dog barks at the back, down below.", DOG, {"direction": "back", "elevation": "down"}),
    ("A dog barks behind the listener.", DOG, {"direction": "back"}),
    ("A dog barks straight ahead.", DOG, {"direction": "front"}),
    (
        "Above you, a dog barks while a cat meows, and the small room echoes.",
        "A dog barks while a cat meows",
        {"elevation": "up", "room_size": "small", "reverberation": "reverberant"},
    ),
    ("On the left, a van speeds up.", "A van accelerates", {"direction": "left"}),
    ("On the left, a van draws near.", "A van comes closer", {"direction": "left"}),
    # What the original says of a place is no contradiction.
    ("Nearby, a man speaks in the distance.", "A man speaks in the distance", {"distance": "near"}),
    ("On the right, birds chirp in the background.", "Birds chirp in the background", {"direction": "right"}),
    ("In front, a man speaks as a bright light hums.", "A man speaks as a bright light hums", {"direction": "front"}),
    ("On the right, a man left the room.", "A man left the room", {"direction": "right"}),
    ("On the left, music starts right after a bell.", "Music starts right after a bell", {"direction": "left"}),
    ("In front, a truck backs up, far away.", "A truck backs up", {"direction": "front", "distance": "far"}),
    ("In front, a saw moves back and forth.", "A saw moves back and forth", {"direction": "front"}),
    ("Far off, a man nearly falls.", "A man nearly falls", {"distance": "far"}),
    ("Down below, an engine starts up.", "An engine starts up", {"elevation": "down"}),
    ("Up above, an engine slows down.", "An engine slows down", {"elevation": "up"}),
    ("Far away, a door closes.", "A door closes", {"distance": "far"}),
    ("In a large room, a small dog barks.", "A small dog barks", {"room_size": "large"}),
    ("Up above, a low humming.", "Low humming", {"elevation": "up"}),
    ("Down below, a high-pitched whistle sounds.", "High-pitched whistle", {"elevation": "down"}),
    ("A man's speech is heard nearby.", "A male talking", {"distance": "near"}),
    ("A dog barks.", DOG, {}),
    ("A dog barks in front of the listener.", DOG, {"direction": "front"}),
    (
        "From the left of a small, dampened room, a dog barks.",
        DOG,
        {"direction": "left", "room_size": "small", "reverberation": "dampened"},
    ),
    # A sequence told the other way round is the same sequence.
    ("Nearby, after a man shouts, a crowd cheers.", "A crowd cheers after a man shouts", {"distance": "near"}),
    ("Nearby, a man shouts and then a crowd cheers.", "A crowd cheers after a man shouts", {"distance": "near"}),
    ("Far off, there is a dog barking and a bell ringing.", "A dog barks and a bell rings", {"distance": "far"}),
    ("Far off, there are several dogs barking.", "Several dogs bark", {"distance": "far"}),
    ("Far off, the bark of a dog and a cat's meow.", "A dog barks and a cat meows", {"distance": "far"}),
    ("Far off, an engine hums loudly and clicks.", "Loud humming and clicking of an engine", {"distance": "far"}),
    ("In front, John speaks.", "John speaks", {"direction": "front"}),
    ("Nearby, a café door opens.", "A cafe door opens", {"distance": "near"}),
]

WRONG = [
    ("", DOG, {}, "empty"),
    (" \n", DOG, {}, "empty"),
    ("x" * 300_000, DOG, {}, "too_long"),
    ("A dog barks " + "on the left " * 20, DOG, {"direction": "left"}, "too_long"),
    ("A dog barks on the right.", DOG, {"direction": "left"}, "contradicts_direction"),
    ("A dog barks on the left and right.", DOG, {"direction": "left"}, "contradicts_direction"),
    ("A dog barks at the back left.", DOG, {"direction": "left"}, "contradicts_direction"),
    ("A dog barks behind, on the left.", DOG, {"direction": "left"}, "contradicts_direction"),
    ("A dog barks far away, near.", DOG, {"distance": "near"}, "contradicts_distance"),
    ("A dog barks, not near.", DOG, {"distance": "near"}, "contradicts_distance"),
    ("A dog barks, not very far away.", DOG, {"distance": "far"}, "contradicts_distance"),
    ("A dog barks up above, below.", DOG, {"elevation": "up"}, "contradicts_elevation"),
    ("A dog barks in a small, large room.", DOG, {"room_size": "small"}, "contradicts_room_size"),
    ("A dog barks in a small room, a mid-sized room.", DOG, {"room_size": "small"}, "contradicts_room_size"),
    ("A dog barks in a dampened, echoing room.", DOG, {"reverberation": "dampened"}, "contradicts_reverberation"),
    ("A dog barks in a non-reverberant room.", DOG, {"reverberation": "reverberant"}, "contradicts_reverberation"),
    ("A dog barks on the left.", DOG, {}, "invents_direction"),
    ("A dog barks overhead.", DOG, {}, "invents_elevation"),
    ("A dog barks in the distance.", DOG, {}, "invents_distance"),
    ("A dog barks next to a man.", DOG, {}, "invents_distance"),
    ("A dog barks in a large room.", DOG, {}, "invents_room_size"),
    ("A dog barks with an echo.", DOG, {}, "invents_reverberation"),
    ("A dog barks.", DOG, {"direction": "left"}, "missing_direction"),
    ("A dog barks in the background.", DOG, {"direction": "back"}, "missing_direction"),
    ("A dog barks brightly.", DOG, {"direction": "right"}, "missing_direction"),
    ("A man left the room.", "A man left the room", {"direction": "left"}, "missing_direction"),
    ("A bell right after music.", "A bell right after music", {"direction": "right"}, "missing_direction"),
    ("A truck backs up.", "A truck backs up", {"direction": "back"}, "missing_direction"),
    ("An engine starts up.", "An engine starts up", {"elevation": "up"}, "missing_elevation"),
    ("A man nearly falls.", "A man nearly falls", {"distance": "near"}, "missing_distance"),
    ("A small dog barks.", "A small dog barks", {"room_size": "small"}, "missing_room_size"),
    ("A dog barks in a room.", DOG, {"reverberation": "dampened"}, "missing_reverberation"),
    ("A dog barks in a damp room.", DOG, {"reverberation": "dampened"}, "missing_reverberation"),
    ("A dog, nearby.", DOG, {"distance": "near"}, "content_lost"),
    ("Nearby, a sound.", DOG, {"distance": "near"}, "content_lost"),
    ("A hummingbird nearby.", "Humming", {"distance": "near"}, "content_lost"),
    ("Nearby, a dog barks and a cat meows.", DOG, {"distance": "near"}, "content_added"),
    ("Nearby, a purring Carerra cat.", "The purr of a Carerra", {"distance": "near"}, "content_added"),
    ("Nearby, a small dog barks.", DOG, {"distance": "near"}, "content_added"),
    ("Nearby, two dogs bark.", DOG, {"distance": "near"}, "number_changed"),
    ("Nearby, a dog is not barking.", DOG, {"distance": "near"}, "content_added"),
    (
        "Nearby, a man speaks followed by a dog barking.",
        "A dog barks followed by a man speaking",
        {"distance": "near"},
        "order_changed",
    ),
    ("Far far away, a dog barks.", DOG, {"distance": "far"}, "repeats"),
    (
        "Nearby, a woman talks followed by another woman talking.",
        "A woman talks followed by someone coughing then another woman talking",
        {"distance": "near"},
        "content_lost",
    ),
    # A place at the start is told of all the sounds.
    (
        "Far off on the left, wind blows and a jet hums.",
        "Wind blows and a jet hums in the distance",
        {"direction": "left"},
        "invents_distance",
    ),
    (
        "On the left, a dog barks and a cat meows above you.",
        "A dog barks and a cat meows",
        {"direction": "left", "elevation": "up"},
        "split_place",
    ),
    # A place inside a later clause is told of that clause alone.
    (
        "A dog barks while, close by me, a cat meows.",
        "A dog barks and a cat meows",
        {"distance": "near"},
        "split_place",
    ),
    (
        "A dog barks and, far behind you, a cat meows.",
        "A dog barks and a cat meows",
        {"distance": "far", "direction": "back"},
        "split_place",
    ),
    ("Wind blows before, up above, a jet hums.", "Wind blows before a jet hums", {"elevation": "up"}, "split_place"),
    ("In a small room not far from large, a dog barks.", DOG, {"room_size": "small"}, "hedged_place"),
    # A place beside another thing, or outside the room.
    ("A dog barks in front of a large room.", DOG, {"direction": "front", "room_size": "large"}, "place_of_another"),
    ("A dog barks behind a wall.", DOG, {"direction": "back"}, "place_of_another"),
    ("A dog barks to the left of a door.", DOG, {"direction": "left"}, "place_of_another"),
    ("A dog barks near a door.", DOG, {"distance": "near"}, "place_of_another"),
    ("A dog barks above the door.", DOG, {"elevation": "up"}, "place_of_another"),
    ("A dog barks outside a small room.", DOG, {"room_size": "small"}, "missing_room_size"),
    ("Near, near, a dog barks.", DOG, {"distance": "near"}, "repeats"),
    ("In a small room, a dog barks in a small room.", DOG, {"room_size": "small"}, "repeats"),
    ("Far off, a dog barks while a dog barks.", DOG, {"distance": "far"}, "repeats"),
    ("Far off, there is a dog barks.", DOG, {"distance": "far"}, "ungrammatical"),
    ("Far off, there is several dogs.", "Several dogs", {"distance": "far"}, "ungrammatical"),
    ("A dog barks comes from at the back.", DOG, {"direction": "back"}, "ungrammatical"),
    ("A dog barks is heard nearby.", DOG, {"distance": "near"}, "ungrammatical"),
    ("Far off, a dog bark.", DOG, {"distance": "far"}, "ungrammatical"),
    ("Far off, dog barks.", DOG, {"distance": "far"}, "ungrammatical"),
    ("Far off, A dog barks.", DOG, {"distance": "far"}, "ungrammatical"),
    ("Far off, a dog barks in the.", DOG, {"distance": "far"}, "ungrammatical"),
    ("Far off, dogs bark.", DOG, {"distance": "far"}, "number_changed"),
    ("Far off, a man talks.", "Men talk", {"distance": "far"}, "number_changed"),
    ("Far off, a man barks and a dog talks.", "A dog barks and a man talks", {"distance": "far"}, "roles_changed"),
    (
        "Far off, water trickles loudly as frogs croak.",
        "Water trickles as frogs croak loudly",
        {"distance": "far"},
        "roles_changed",
    ),
    (
        "Far off, a man shouts after a crowd cheers.",
        "A crowd cheers after a man shouts",
        {"distance": "far"},
        "order_changed",
    ),
    ("A dog barks nearby. It is a dog.", DOG, {"distance": "near"}, "not_one_sentence"),
    ("A dog barks nearby! Barks!", DOG, {"distance": "near"}, "not_one_sentence"),
    ("一只狗在附近叫", DOG, {"distance": "near"}, "not_english"),
    ("Un chien aboie à gauche dans le salon", DOG, {"direction": "left"}, "not_english"),
    ("Here is the sentence: a dog barks nearby.", DOG, {"distance": "near"}, "leak"),
    ("Rephrased: a dog barks nearby.", DOG, {"distance": "near"}, "leak"),
    ("The sound: a dog barks nearby.", DOG, {"distance": "near"}, "leak"),
    ('{"caption": "A dog barks nearby"}', DOG, {"distance": "near"}, "leak"),
    ("<p>A dog barks nearby</p>", DOG, {"distance": "near"}, "leak"),
    ("A dog barks nearby, see https://example.org", DOG, {"distance": "near"}, "leak"),
    ("A dog barks nearby at 30°", DOG, {"distance": "near"}, "leak"),
    ("A dog barks nearby at 30 degrees.", DOG, {"distance": "near"}, "leak"),
    ("**A dog barks nearby**", DOG, {"distance": "near"}, "leak"),
    ("A dog barks nearby\nCaption: a cat", DOG, {"distance": "near"}, "leak"),
    ("I'm sorry, but nearby a dog barks.", DOG, {"distance": "near"}, "leak"),
]


@pytest.mark.parametrize(("answer", "original", "words"), RIGHT)
def test_a_right_answer_is_kept(answer: str, original: str, words: dict[str, str]) -> None:
    assert check_caption(answer, original, SpatialWords(**words)) is None


@pytest.mark.parametrize(("answer", "original", "words", "reason"), WRONG)
def test_a_wrong_answer_is_refused_with_its_reason(
    answer: str, original: str, words: dict[str, str], reason: str
) -> None:
    assert check_caption(answer, original, SpatialWords(**words)) == reason
    assert reason in REASONS


@pytest.mark.slow
def test_the_prose_of_every_place_says_each_of_its_words_and_no_other() -> None:
    options = [(None, *PHRASES[attribute]) for attribute in VOCABULARY]
    for combination in itertools.product(*options):
        words = SpatialWords(**dict(zip(VOCABULARY, combination, strict=True)))
        phrase = place_phrase(words.present())
        assert check_caption(f"A dog barks, {phrase}.", DOG, words) is None, phrase


@given(wanted=WORDS, told=WORDS)
def test_the_prose_of_another_place_is_never_taken(wanted: SpatialWords, told: SpatialWords) -> None:
    reason = check_place(f"A dog barks, {place_phrase(told.present())}.", DOG, wanted)
    assert (reason is None) == (wanted == told)


@given(answer=st.text(max_size=300), original=st.text(max_size=300), words=WORDS)
@settings(deadline=None)
def test_any_text_has_a_verdict(answer: str, original: str, words: SpatialWords) -> None:
    reason = check_caption(clean_answer(answer), original, words)
    assert reason is None or reason in REASONS


@pytest.mark.parametrize(
    "text",
    [
        "not " * 75_000,
        "highly " * 40_000,
        "left," * 60_000,
        "small and " * 30_000,
        "<" * 300_000,
        "a" * 300_000,
        "\u0301" * 150_000,
        "😀" * 75_000,
        "room is " * 40_000,
        "." * 300_000,
        "\ud800" * 1000,
        "near up " * 40_000,
    ],
)
def test_the_time_is_linear_in_the_text(text: str) -> None:
    words = SpatialWords("left", "up", "near", "small", "dampened")
    begin = time.perf_counter()
    check_caption(text, DOG, words)
    check_caption(text, text, words)
    check_caption(text[:8000], text, words)
    assert time.perf_counter() - begin < 2


def test_many_words_of_their_own_on_either_side_take_no_time() -> None:
    originals, answers = (" and ".join(f"{letter}x{number}" for number in range(300)) for letter in "ab")
    begin = time.perf_counter()
    assert check_caption(f"On the left, {answers}", originals, SpatialWords(direction="left")) is not None
    assert time.perf_counter() - begin < 2


def test_what_is_too_long_for_a_caption_is_refused_whatever_the_original() -> None:
    words = SpatialWords(direction="left")
    assert (
        check_caption("On the left, " + "a dog barks and " * 20_000, "a dog barks and " * 20_000, words) == "too_long"
    )


def test_cleaning_takes_off_wrapping_only() -> None:
    assert clean_answer('  "A dog barks."\n') == "A dog barks."
    assert clean_answer("“A dog barks.”") == "A dog barks."
    assert clean_answer('"A" and "B"') == '"A" and "B"'
    assert clean_answer("Answer: A dog barks.") == "Answer: A dog barks."
    assert clean_answer("") == clean_answer('""'[:1] + " ").replace('"', "") == ""


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("A dog barks", True),
        ("dog, bark, field-recording", True),
        ("Café terrace at night", True),
        ("", True),
        ("Un chien aboie dans la rue", False),
        ("Ein Hund bellt und das Auto fährt", False),
        ("犬が吠える", False),
        ("Собака лает", False),
    ],
)
def test_what_is_english(text: str, english: bool) -> None:
    assert is_english(text) is english


def test_a_caption_in_another_language_is_checked_for_its_place_only() -> None:
    words = SpatialWords(direction="left")
    assert check_caption("A dog barks on the left.", "Un chien aboie dans la rue", words) is None
    assert check_caption("A dog barks on the right.", "Un chien aboie dans la rue", words) == "contradicts_direction"


def test_verdicts_of_many_threads_at_once_are_those_of_one() -> None:
    # The stemmer keeps the word that it works on in itself: shared, it raised IndexError and gave stems of other words.
    nouns = [head + tail for head in ("bark", "humm", "rattl", "crackl") for tail in ("ings", "ational", "iveness")]
    things = [f"{letter}{other}{noun}" for letter in "bcdfg" for other in "aeiou" for noun in nouns]
    words = SpatialWords(distance="near", direction="left")

    def verdict(thing: str) -> str | None:
        return check_caption(f"A dog barks at some {thing} nearby on the left.", f"A dog barks at some {thing}", words)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            verdicts = list(threads.map(verdict, things))
    finally:
        sys.setswitchinterval(interval)
    assert verdicts == [None] * len(things)


@pytest.mark.parametrize(
    "wrapped",
    [
        "<think>The user wants a place.</think>\n\nOn the left, a dog barks.",
        "<thinking>\nleft?\n</thinking>On the left, a dog barks.",
        "Okay, I write it.\n</think>\nOn the left, a dog barks.",
        "<think></think><think>again</think> On the left, a dog barks.",
        "[THINK]hm[/THINK]On the left, a dog barks.",
        "<|channel|>analysis<|message|>hm<|end|><|channel|>final<|message|>On the left, a dog barks.<|return|>",
        '<think>a "quote"</think>"On the left, a dog barks."',
    ],
)
def test_thoughts_before_an_answer_are_no_part_of_it(wrapped: str) -> None:
    assert clean_answer(wrapped) == "On the left, a dog barks."


def test_thoughts_that_never_end_are_refused_and_take_no_time() -> None:
    words = SpatialWords(direction="left")
    assert check_caption("<think>" * 3000, "A dog barks", words) is not None
    assert clean_answer("I think a dog barks") == "I think a dog barks"
