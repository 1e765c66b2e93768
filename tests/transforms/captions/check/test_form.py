"""The form of an answer: one grammatical sentence about nothing but sounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.captions.check import check_caption
from transforms.captions.check.form import is_one_sentence, is_ungrammatical, leaks
from transforms.captions.rewriting import caption_text
from transforms.words import SpatialWords

BROKEN = [
    # Agreement.
    ("Motors runs", "Motors run"),
    ("Motors runs", "Motors runs"),
    ("The dogs barks loudly", "The dogs bark loudly"),
    ("A dog bark", "A dog barking"),
    ("A helicopter engine run continuously", "A helicopter engine runs continuously"),
    ("Two dog bark", "Two dogs bark"),
    ("Voices is murmuring", "Voices murmur"),
    ("The dogs are bark", "The dogs are barking"),
    ("Water is flow", "Water is flowing"),
    ("Food and oil sizzles", "Food and oil sizzling"),
    ("A man and a woman speaks", "A man and a woman speaking"),
    # Articles.
    ("A engine runs", "An engine runs"),
    ("An dog barks", "A dog barks"),
    ("In small room, an engine runs", "An engine runs"),
    ("Engine running and screeching", "An engine running and screeching"),
    ("The speaks continue", "A man speaks"),
    # Verbs and sentences.
    ("A dog barks growls", "A dog barks and growls"),
    ("There is a dog barks", "A dog barks"),
    ("A phone rings several in the hall", "A phone rings several times"),
    ("A dog barks in the, and a man speaks", "A dog barks and a man speaks"),
    ("A dog barks over the of a man", "A dog barks over a man"),
    ("A baby grunts and to cry", "A baby grunts and begins to cry"),
    ("A dog barks with a", "A dog barks"),
    ("A dog barks, and it", "A dog barks"),
    ("A dog barks and a man that", "A dog barks and a man speaks"),
    ("A dog barks, then", "A dog barks"),
    ("In a small room, A dog barks", "A dog barks"),
]
WHOLE = [
    ("An hour passes as a unicycle squeaks", "An hour passes as a unicycle squeaks"),
    ("A group of people talk", "A group of people talks"),
    ("You hear a woman laugh and heels click", "A woman laughs and heels click"),
    ("A man's voice is heard", "A man speaks"),
    ("A fire truck's emergency siren wails", "An emergency siren on a fire truck wails"),
    ("Someone blows bubbles", "Someone is blowing bubbles"),
    ("A motorcycle idles and then shifts gears", "A motorcycle idles and then shifts gears"),
    ("A man talks as he beats eggs", "A man talks while beating eggs"),
    ("A bird hoots and insects then screech", "A bird is hooting and insects screech"),
    ("Police sirens wail", "Police sirens wail"),
    ("A wooden door is shut", "A wooden door is shut"),
    ("Water is run into a sink", "Water runs into a sink"),
    ("A cat meows and a child speaks", "A cat meowing and a child speaking"),
    ("A man and woman talk", "A man and a woman talk"),
    ("A sheep bleats in a room with no echo to speak of", "A sheep bleats"),
]
TALK = [
    "Here is a dog that barks",
    "This caption tells of a dog that barks",
    "As requested, a dog barks",
    "In this audio clip, a dog barks",
    "The sound described is a dog that barks",
    "Keeping all of the words, a dog barks",
    "A dog barks, as in the original",
    "Let me say that a dog barks",
    "A dog barks at 90 degrees",
    "A dog barks three metres away",
    "A dog barks with a reverberation time of two seconds",
    "A dog barks 20 dB louder",
    'A dog barks "loudly"',
]


@pytest.mark.parametrize(("answer", "original"), BROKEN)
def test_broken_grammar_is_found(answer: str, original: str) -> None:
    assert is_ungrammatical(answer, original)


@pytest.mark.parametrize(("answer", "original"), WHOLE)
def test_whole_grammar_is_kept(answer: str, original: str) -> None:
    assert not is_ungrammatical(answer, original)


@pytest.mark.parametrize("answer", TALK)
def test_talk_of_the_task_and_measures_are_no_caption(answer: str) -> None:
    assert leaks(answer, "A dog barks")


def test_what_the_original_says_may_be_said() -> None:
    assert not leaks("A dog barks for two seconds in this recording", "In this recording a dog barks for two seconds")
    assert not leaks("A dog barks a few steps away", "A dog barks")


@pytest.mark.parametrize(
    "answer", ["A dog barks. A man speaks", "A dog barks.And a man speaks", "A dog... And a man", 'A "dog']
)
def test_two_sentences_and_open_quotes_are_no_caption(answer: str) -> None:
    assert not is_one_sentence(answer)


@pytest.mark.parametrize(
    "answer",
    [
        'On the left, a man says "good boy"',
        'On the left, a man says "good boy!"',
        "On the left, a man says “good boy”.",
        '"Good boy," a man says on the left',
        "'Good boy' is what a man says on the left",
        "on the left, a man says: good boy!",
    ],
)
def test_the_caption_of_a_kept_answer_is_kept(answer: str) -> None:
    # The caption has a capital and a mark that its answer lacked; it failed its own check where a quote ended it.
    original = 'A man says "good boy!", "Good boy," says a man, “good boy”'
    words = SpatialWords(direction="left")
    assert check_caption(answer, original, words) in (None, "content_lost")
    assert check_caption(caption_text(answer), original, words) == check_caption(answer, original, words)


@given(st.text(max_size=200), st.text(max_size=200))
@settings(deadline=None)
def test_any_text_has_a_form(answer: str, original: str) -> None:
    is_ungrammatical(answer, original)
    is_one_sentence(answer)
    leaks(answer, original)


@given(
    st.lists(st.sampled_from("a an the dog dogs bark barks barking is are and , there two engine of in room".split()))
)
@settings(deadline=None)
def test_an_original_without_sure_faults_is_its_own_grammatical_answer(words: list[str]) -> None:
    text = " ".join(words)
    assert not is_ungrammatical(text, text) or "barks" in words or "dogs" in words
