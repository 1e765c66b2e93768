"""Rotations and reflections: sound, labels and caption agree after every move."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.augmentation import Augmentation
from model.augmentation.captions import reword_caption
from model.augmentation.symmetries import Move
from model.data import unit_direction
from model.draws import keyed_generator
from model.words import direction_word
from tests.model.caption_words import words_in_caption
from tests.model.conftest import encode
from transforms import words as release_words
from transforms.captions.check.place import check_place
from transforms.captions.template import template_caption

ANGLES = st.floats(-179.99, 180)
HEIGHTS = st.floats(-90, 90)
SIGNS = st.sampled_from((1, -1))
MOVES = st.builds(Move, SIGNS, SIGNS, SIGNS, st.floats(-180, 180))
ORIGINALS = ("A dog barks", "Wind howls through the trees.", "A man speaks while a bell rings", "Rain?")
SPATIAL_ORIGINALS = ("A bird sings above a pond", "A car goes by from left to right", "Someone knocks at the back door")


def random_words(azimuth, elevation, rest) -> release_words.SpatialWords:
    return release_words.words_of(
        azimuth_deg=azimuth, elevation_deg=elevation, distance_m=rest[0], floor_area_m2=rest[1], t30_ms=rest[2]
    )


REST = st.tuples(
    st.sampled_from((0.5, 1.5, 3.0)), st.sampled_from((30.0, 70.0, 200.0)), st.sampled_from((100.0, 1500.0))
)


@given(MOVES, ANGLES, HEIGHTS)
def test_sound_and_angles_move_alike(move, azimuth, elevation):
    moved = move.matrix() @ encode(np.ones(1), azimuth, elevation)
    there = move.direction(azimuth, elevation)
    assert -180 < there[0] <= 180
    np.testing.assert_allclose(moved, encode(np.ones(1), *there), atol=1e-9)


@given(MOVES)
def test_a_move_keeps_the_energy(move):
    matrix = move.matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(4), atol=1e-12)
    assert matrix[0].tolist() == [1, 0, 0, 0]


@pytest.mark.slow
# The first case loads the check's lexicon.
@settings(max_examples=200)
@given(ANGLES, HEIGHTS, REST, st.sampled_from(ORIGINALS + SPATIAL_ORIGINALS), st.integers(0, 1 << 30))
def test_the_caption_has_the_words_of_the_new_direction(azimuth, elevation, rest, original, seed):
    words = random_words(azimuth, elevation, rest)
    caption = template_caption(original, words, seed)
    table = {name: getattr(words, name) for name in release_words.VOCABULARY}
    augmentation = Augmentation(ideal_share=1.0, sentence_share=0.5)
    out = augmentation.draw(
        lambda name: keyed_generator(seed, name),
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        words=table,
        caption=caption,
        original=original,
        sample_rate=16000,
    )
    there = random_words(out.azimuth_deg, out.elevation_deg, rest)
    assert check_place(out.caption, original, there) is None, (caption, out.caption, there)
    # The sound comes from the direction of the labels.
    turned = out.matrix @ encode(np.ones(1), azimuth, elevation)[:, 0]
    measured = np.array([turned[3], turned[1], turned[2]]) / turned[0]
    assert math.isclose(np.linalg.norm(measured - unit_direction(out.azimuth_deg, out.elevation_deg)), 0, abs_tol=1e-9)
    if original in SPATIAL_ORIGINALS:
        assert out.caption == caption


def change(caption, original, old, new, sentences=False):
    rest = {"distance": None, "room_size": None, "reverberation": None, "elevation": None, "direction": None}
    return reword_caption(caption, original, rest | old, rest | new, keyed_generator(1), sentences=sentences)


LEFT, RIGHT, BACK = ({"direction": word} for word in ("left", "right", "back"))


def test_one_phrase_is_exchanged():
    assert change("A dog barks from the left.", "A dog barks", LEFT, RIGHT) == "A dog barks from the right."
    assert change("From the left, a dog barks.", "A dog barks", LEFT, BACK) == "From the back, a dog barks."
    assert change("A dog barks on the left of a small room.", "A dog barks", LEFT, BACK) == (
        "A dog barks at the back of a small room."
    )
    assert change("A dog barks in the upper left.", "A dog barks", LEFT, RIGHT) == "A dog barks in the upper right."


@pytest.mark.parametrize(
    ("caption", "original"),
    [
        ("A man turns left, from the left.", "A man turns left"),
        ("A dog left behind barks on the left.", "A dog barks"),
        ("A dog barks on the left of the man.", "A dog barks"),
        ("On the left and to the left a dog barks.", "A dog barks"),
        ("A dog barks leftwards.", "A dog barks"),
        ("A dog barks.", "A dog barks"),
    ],
)
def test_in_doubt_no_phrase_is_exchanged(caption, original):
    assert change(caption, original, LEFT, RIGHT) is None


def test_upper_has_no_counterpart_in_front():
    assert change("A dog barks in the upper left.", "A dog barks", LEFT, BACK) is None


def test_a_new_sentence_replaces_a_caption_without_an_exchangeable_phrase():
    text = change("A dog barks leftwards.", "A dog barks.", LEFT, RIGHT, sentences=True)
    assert text is not None
    assert words_in_caption(text, "direction") == ["right"]
    assert "dog barks" in text
    assert change("A car turns left, leftwards.", "A car turns left", LEFT, RIGHT, sentences=True) is None


def test_a_row_whose_words_do_not_match_its_angles_is_not_moved():
    out = Augmentation(ideal_share=1.0).draw(
        lambda name: keyed_generator(name),
        azimuth_deg=10.0,
        elevation_deg=0.0,
        words={**dict.fromkeys(release_words.VOCABULARY), "direction": "left"},
        caption="On the left, a dog barks.",
        original="A dog barks",
        sample_rate=16000,
    )
    assert (out.azimuth_deg, out.elevation_deg, out.caption) == (10.0, 0.0, "On the left, a dog barks.")


def test_a_row_whose_caption_cannot_be_reworded_rotates_within_its_word():
    turned = []
    for seed in range(40):
        out = Augmentation(ideal_share=1.0).draw(
            lambda name, seed=seed: keyed_generator(seed, name),
            azimuth_deg=90.0,
            elevation_deg=0.0,
            words={**dict.fromkeys(release_words.VOCABULARY), "direction": "left"},
            caption="Leftwards turns the car to the left.",
            original="A car turns left",
            sample_rate=16000,
        )
        assert direction_word(out.azimuth_deg) == "left"
        turned.append(out.azimuth_deg)
    assert np.ptp(turned) > 40


def test_a_rotation_that_ends_at_the_back_gives_plus_180() -> None:
    assert Move(-1, 1, 1, -76.57972070352011).direction(-76.57972070352011, 0.0)[0] == 180
