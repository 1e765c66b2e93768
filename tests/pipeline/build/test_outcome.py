"""How much of an input is missing, and whether a user's allowance covers it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.build.outcome import Outcome
from pipeline.release.totals import sum_tallies
from transforms.records import Rejection

EMPTY = Outcome(
    totals=sum_tallies([]),
    rejections=(),
    failures=(),
    built_shards=1,
    notes=(),
    no_answer_came=False,
    listed_clips=10,
    planned_clips=10,
)


def rejected(count: int, stage: str, reason: str = "missing") -> tuple[Rejection, ...]:
    return tuple(Rejection(f"{stage}{n}", stage, reason, "", "train", f"{stage}{n}") for n in range(count))


@pytest.mark.parametrize(
    ("rejections", "clips", "share"),
    [
        ((), 0, 0.0),
        (rejected(10, "list"), 10, 0.5),
        (rejected(2, "render", "silent"), 2, 0.2),
        # One of ten clips has no place in several of its rooms: it is one clip.
        (rejected(1, "place", "scene_does_not_fit") * 3, 1, 0.1),
        ((*rejected(2, "list"), *rejected(1, "render")), 3, 0.25),
        ((*rejected(5, "list", "excluded"), *rejected(5, "list", "licence")), 0, 0.0),
    ],
)
def test_the_share_of_missing_clips(rejections: tuple[Rejection, ...], clips: int, share: float) -> None:
    outcome = replace(EMPTY, rejections=rejections)
    assert outcome.missing_clips == clips
    assert outcome.missing_share == pytest.approx(share)
    assert outcome.whole_but_for(share + 1e-9)
    assert not outcome.whole_but_for(share - 1e-9)
    assert outcome.whole is (not rejections)


def test_with_a_limit_the_clips_that_were_decoded_stand_for_the_others() -> None:
    # All six clips of a limit are broken: among 10,000 listed ones they would be a small share.
    outcome = replace(EMPTY, rejections=rejected(6, "render"), listed_clips=10_000, planned_clips=6)
    assert outcome.missing_share == 1.0


def test_no_share_covers_a_shard_that_failed_or_a_model_that_never_answered() -> None:
    assert not replace(EMPTY, failures=("train/00000-of-00001: render: OSError: no",)).whole_but_for(1.0)
    assert not replace(EMPTY, no_answer_came=True).whole_but_for(1.0)
