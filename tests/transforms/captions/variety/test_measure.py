"""Measures of variety: exact on captions by hand, and the same in any order."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captions.variety import CaptionSample, caption_variety, measure_variety
from transforms.captions.variety.measure import MEASURED, rarefied

PAIRS = [
    ("Far off, a dog barks.", "A dog barks"),
    ("Near, rain falls.", "Rain falls"),
    ("A cat meows on the left.", "A cat meows"),
    ("You hear a bell ringing, in a small room.", "A bell rings"),
    ("A cow moos.", "A cow moos"),
]


def test_the_measures_of_a_few_captions() -> None:
    found = measure_variety(PAIRS)
    assert (found.captions, found.without_place) == (4, 1)
    # "P, S" twice, "S P", "you hear S, R".
    assert found.frames == 3
    assert (found.begins_with_place, found.adds_only) == (0.5, 0.75)
    assert (found.adds_before, found.adds_behind) == (0.5, 0.25)
    # "You" and "hear" of: a dog barks, rain falls, a cat meows, you hear a bell ringing.
    assert (found.new_word_share, found.new_words) == (round(2 / 13, 4), 2)
    assert found.frames_per_100 is found.frames_per_1000 is found.bigrams_per_1000 is found.new_words_per_100 is None


def test_counts_of_many_captions_are_those_of_a_hundred_and_of_a_thousand() -> None:
    found = measure_variety(PAIRS[:4] * 500)
    assert (found.captions, found.without_place, found.frames) == (MEASURED, 0, 3)
    assert (found.frames_per_100, found.frames_per_1000) == (3.0, 3.0)
    assert found.new_words_per_100 == 2.0
    # 4 + 2 + 5 + 8 pairs of neighbours, each as often as the others.
    assert found.bigrams_per_1000 == 19.0


def test_no_caption_has_no_share() -> None:
    found = measure_variety([])
    assert (found.captions, found.frames, found.begins_with_place, found.new_word_share) == (0, 0, None, None)
    assert caption_variety({}) == {}
    assert measure_variety(PAIRS[4:]).without_place == 1


def test_the_kinds_to_expect_among_fewer_things_are_counted_exactly() -> None:
    # Of a, a, b, two are drawn: {a, a} once, {a, b} twice.
    assert rarefied({"a": 2, "b": 1}, 3, 2) == pytest.approx(5 / 3)
    assert rarefied({"a": 2, "b": 1}, 3, 3) == 2.0
    assert rarefied({"a": 2, "b": 1}, 3, 4) is None
    assert rarefied({}, 0, 0) == 0.0


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.data())
def test_the_kinds_to_expect_agree_with_the_formula(things: list[int], data: st.DataObject) -> None:
    size, total, times = data.draw(st.integers(0, len(things))), len(things), Counter(things)
    expected = sum(1 - math.comb(total - count, size) / math.comb(total, size) for count in times.values())
    assert rarefied(times, total, size) == pytest.approx(expected)


def sample_of(captions: list[tuple[str, int, str, str]], limit: int) -> CaptionSample:
    sample = CaptionSample(limit)
    for caption in captions:
        sample.add(*caption)
    return sample


@given(st.integers(1, 9), st.integers(0, 40), st.integers(0, 40), st.randoms(use_true_random=False))
def test_a_sample_depends_neither_on_the_order_nor_on_the_parts(
    limit: int, count: int, cut: int, shuffler: random.Random
) -> None:
    captions = [(f"train/clip#{number // 2}", number % 2, f"{number}", "") for number in range(count)]
    expected = list(sample_of(captions, limit).pairs())
    shuffled = captions.copy()
    shuffler.shuffle(shuffled)
    first, second = sample_of(shuffled[:cut], limit), sample_of(shuffled[cut:], limit)
    second.merge(first)
    assert list(second.pairs()) == expected
    assert len(expected) == min(limit, count)
    assert len(second.entries) < 2 * limit


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=10) | st.permutations(PAIRS))
def test_any_captions_have_measures_and_their_shares_are_shares(pairs: list[tuple[str, str]]) -> None:
    found = measure_variety(pairs)
    shares = (found.begins_with_place, found.adds_only, found.adds_before, found.adds_behind, found.new_word_share)
    assert all(share is None or 0 <= share <= 1 for share in shares)
    assert found.frames <= found.captions == len(pairs) - found.without_place
    assert found == measure_variety(pairs[::-1])


def test_each_status_is_measured_and_all_together() -> None:
    rewritten, template = CaptionSample(), CaptionSample()
    for number, (caption, original) in enumerate(PAIRS):
        (rewritten if number < 2 else template).add(f"train/clip#{number}", 0, caption, original)
    found = caption_variety({"template": template, "rewritten": rewritten})
    assert list(found) == ["all", "rewritten", "template"]
    assert [found[name]["captions"] for name in found] == [4, 2, 2]
    assert [found[name]["frames"] for name in found] == [3, 1, 2]


def test_a_caption_that_is_a_whole_book_is_kept_in_part() -> None:
    sample = CaptionSample()
    sample.add("train/clip#0", 0, "Far off, " + "a dog barks, " * 100_000, "a dog barks, " * 100_000)
    assert all(len(text) <= 1_000 for pair in sample.pairs() for text in pair)
