"""Words that may stand for each other in a caption, and words that may go missing or be added."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captions.check.kinship import joined_phrasals, may_stand_for
from transforms.captions.check.sounds import check_sounds
from transforms.captions.phrases.canonical import canonical_text

PARAPHRASES = [
    # Kinds and near senses.
    ("A child laughs", "A child giggles"),
    ("A knife cuts through rope", "A knife slices through rope"),
    ("People talk and a motorboat passes", "People chat and a motorboat goes by"),
    ("An alarm gets louder", "An alarm grows louder"),
    ("A man picks up the plates", "A man gathers the plates"),
    ("A woman breathes out", "A woman exhales"),
    ("A machine slows down", "A machine decelerates"),
    # What a source does anyway.
    ("A man whistles with a playing guitar", "A man whistles along with a guitar"),
    ("A loud drill and a voice", "A drill runs loudly and a voice is heard"),
    ("Traffic with birds chirping", "Traffic passes while birds chirp"),
    ("Heavy rain on a tin roof", "Heavy rain beats on a tin roof"),
    ("Thunder rumbles", "Thunder rolls"),
    ("Chickens fry in hot oil", "Chickens fry in hot oil in a kitchen"),
    ("Pigeons coo and flap", "Pigeons coo and flap their wings"),
    # Nouns for verbs, and how often.
    ("A horn sounds twice", "Two blasts of a horn"),
    ("A toilet flushes once", "One flush of a toilet"),
    ("A man sneezes repeatedly", "One sneeze after another comes from a man"),
    ("A bell is ringing and ringing", "A bell rings on and on"),
    ("A baby cries continuously", "A baby cries and cries"),
    # What is said once where it was said twice.
    ("A girl talks followed by a man talking, then birds chirp", "A girl talks and then a man, and then birds chirp"),
    ("A man speaks as birds call", "A man was speaking, and the birds called as he spoke"),
    ("A ball rolls in a machine and rattles the machine", "A ball rolls in a machine and rattles it"),
    # Slips of an original.
    ("Metal clings", "Metal clinks"),
    ("People talk back and fourth", "People talk back and forth"),
    ("A boat splays through the water", "A boat splashes through the water"),
    # Who acts.
    ("A drum is struck with a hand", "A hand strikes a drum"),
    ("In the clear sky a plane flies", "A plane flies in the clear sky"),
    ("Snow covers the path where a man walks", "A man walks over a path covered in snow"),
    ("Many bees buzz", "A swarm of bees buzzes"),
    ("A water fountain gurgles", "A fountain gurgles"),
]
WRONG = [
    ("A dog barks", "A dog meows", "content_lost"),
    ("A child laughs", "A child cries", "content_lost"),
    ("A man whistles", "A man hums", "content_lost"),
    ("A door opens", "A door closes", "content_lost"),
    ("A car accelerates", "A car slows down", "content_lost"),
    ("An engine idles", "An engine revs", "content_lost"),
    ("Water drips into a pan", "Water pours into a pan", "content_lost"),
    ("A man files a plank", "A man hammers a plank", "content_lost"),
    ("A bus passes", "A train passes", "content_lost"),
    ("A small motorboat passes by", "A motorboat passes by", "content_lost"),
    ("A mower idles, then speeds up", "A mower idles", "content_lost"),
    ("A man turns a tap on", "A man turns a tap off", "roles_changed"),
    (
        "A woman speaks as water flows, then the water stops and a man speaks",
        "A man speaks as water flows, then the water stops and a woman speaks",
        "order_changed",
    ),
    ("Rain falls on a roof", "Rain falls on a roof and a horn blows", "content_added"),
    ("A clock ticks", "A church clock ticks", "content_added"),
]


@pytest.mark.parametrize(("original", "answer"), PARAPHRASES)
def test_a_paraphrase_by_kin_words_is_kept(original: str, answer: str) -> None:
    assert check_sounds(canonical_text(answer), canonical_text(original)) is None


@pytest.mark.parametrize(("original", "answer", "reason"), WRONG)
def test_what_sounds_otherwise_is_refused(original: str, answer: str, reason: str) -> None:
    assert check_sounds(canonical_text(answer), canonical_text(original)) == reason


@pytest.mark.parametrize(
    ("word", "other"),
    [("man", "woman"), ("louder", "quieter"), ("opens", "closes"), ("barks", "howls"), ("rain", "hail")],
)
def test_opposites_and_other_sounds_stand_for_nothing(word: str, other: str) -> None:
    assert not may_stand_for(word, other)


def test_a_verb_with_its_particle_is_joined_only_where_the_other_text_has_the_verb() -> None:
    words = "a man breathes in".split()
    assert joined_phrasals(words, ["inhales"]) == "a man inhale".split()
    assert joined_phrasals(words, ["breathes"]) == words


@given(st.lists(st.sampled_from("a man breathes in out up speeds down barks , then".split())), st.text(max_size=20))
def test_joined_words_are_never_more(words: list[str], other: str) -> None:
    assert len(joined_phrasals(words, other.split())) <= len(words)
