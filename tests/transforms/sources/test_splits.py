"""Clips without a split are dealt by their names: the same for each whatever else is listed, and no split empty."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layouts import csv_bytes, pair_json, tar_bytes, wavcaps_item, wavcaps_json, write_tree
from transforms.records import SPLITS
from transforms.sources import Listing, Selection, list_clips
from transforms.sources.splits import DEFAULT_SHARES, deal_splits

NAMES = [f"{number}.wav" for number in range(1000)]


def splits_of(listing: Listing) -> dict[str, str]:
    return {clip.source_id: clip.split for clip in listing.clips}


def folder(root: Path, rows: list[list[str]], columns: tuple[str, ...] = ("file_name", "caption")) -> Path:
    files = {row[0]: row[0].encode() for row in rows}
    return write_tree(root, {**files, "metadata.csv": csv_bytes(columns, rows)})


def test_shares_are_met_and_no_clip_changes_sides_when_others_come() -> None:
    dealt = deal_splits(NAMES, DEFAULT_SHARES, 0)
    counts = Counter(dealt.values())
    # Three standard deviations of a binomial.
    assert counts["validation"] == pytest.approx(100, abs=29)
    assert counts["test"] == pytest.approx(100, abs=29)
    more = deal_splits([*NAMES, *(f"{number}.flac" for number in range(500))][::-1], DEFAULT_SHARES, 0)
    assert all(more[name] == split for name, split in dealt.items())
    assert deal_splits(NAMES, DEFAULT_SHARES, 1) != dealt


def test_the_split_of_a_name_is_the_same_on_every_machine() -> None:
    dealt = deal_splits(NAMES[:20], DEFAULT_SHARES, 0)
    elsewhere = {name: split for name, split in dealt.items() if split != "train"}
    assert elsewhere == {"3.wav": "test", "4.wav": "validation", "6.wav": "test", "11.wav": "test"}


@given(
    count=st.integers(0, 40),
    shares=st.fixed_dictionaries({split: st.sampled_from([0, 0.1, 0.5, 1]) for split in SPLITS}),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_every_split_with_a_share_has_a_clip_where_there_are_enough(
    count: int, shares: dict[str, float], seed: int
) -> None:
    wanted = [split for split in SPLITS if shares[split]]
    if not wanted:
        return
    dealt = deal_splits(NAMES[:count], shares, seed)
    assert list(dealt) and set(dealt) == set(NAMES[:count]) if count else not dealt
    counts = Counter(dealt.values())
    assert set(counts) <= set(wanted)
    if count >= len(wanted):
        assert set(counts) == set(wanted)
    elif count:
        assert counts[wanted[0]] > 0
    assert deal_splits(NAMES[:count][::-1], shares, seed) == dealt


def test_a_list_of_two_columns_has_every_split(tmp_path: Path) -> None:
    rows = [[f"{number}.wav", "A dog"] for number in range(10)]
    listing = list_clips("folder", str(folder(tmp_path, rows)), "mine")
    assert dict(listing.dealt) == dict(Counter(clip.split for clip in listing.clips))
    assert set(listing.dealt) == set(SPLITS)
    assert sum(listing.dealt.values()) == 10
    assert listing.unsplit == 0
    (note,) = listing.notes
    assert note.startswith("no clip has a split: dealt by name")
    # Clips that are refused, other captions and another order change nothing.
    again = folder(tmp_path / "2", [["gone.wav", ""], *([name, "A cat"] for name, _ in rows[::-1])])
    assert splits_of(list_clips("folder", str(again), "mine")) == splits_of(listing)


def test_a_recipe_may_leave_all_in_train(tmp_path: Path) -> None:
    root = folder(tmp_path, [[f"{number}.wav", "A dog"] for number in range(10)])
    listing = list_clips("folder", str(root), "mine", Selection(split_shares={"train": 1.0}))
    assert set(splits_of(listing).values()) == {"train"}
    assert dict(listing.dealt) == {"train": 10}


@pytest.mark.parametrize("gap", ["", "nan", "None"])
def test_clips_without_a_split_beside_others_that_have_one_are_of_train_and_counted(gap: str, tmp_path: Path) -> None:
    rows = [[f"{number}.wav", "A dog", gap] for number in range(9)]
    root = folder(tmp_path, [*rows, ["9.wav", "A dog", "test"]], ("file_name", "caption", "split"))
    listing = list_clips("folder", str(root), "mine")
    assert Counter(splits_of(listing).values()) == {"train": 9, "test": 1}
    assert (dict(listing.dealt), listing.unsplit) == ({}, 9)
    assert listing.notes == ["9 clips without a split, where others have one: taken as train"]
    # So it is where the one split that is told names none.
    listing = list_clips(
        "folder", str(folder(tmp_path, [*rows, ["9.wav", "A dog", "?"]], ("file_name", "caption", "split"))), "m"
    )
    assert set(splits_of(listing).values()) == {"train"}


def test_pairs_that_lie_in_no_split_are_dealt_loose_or_packed(tmp_path: Path) -> None:
    pairs = {f"{n}.{end}": data for n in range(12) for end, data in (("flac", b"1"), ("json", pair_json(n)))}
    loose = list_clips("freesound", str(write_tree(tmp_path / "loose", pairs)), "f")
    below = list_clips(
        "freesound", str(write_tree(tmp_path / "below", {f"deep/{n}": d for n, d in pairs.items()})), "f"
    )
    packed = list_clips("freesound", str(write_tree(tmp_path / "tar", {"0.tar": tar_bytes(list(pairs.items()))})), "f")
    assert set(splits_of(loose).values()) == set(SPLITS)
    assert splits_of(loose) == splits_of(below) == splits_of(packed)


def test_wavcaps_is_dealt_unless_the_folders_of_its_audio_tell(tmp_path: Path) -> None:
    files = {"json_files/FreeSound/fsd_final.json": wavcaps_json([wavcaps_item(number) for number in range(12)])}
    plain = write_tree(tmp_path / "a", files | {f"FreeSound_flac/{n}.flac": b"1" for n in range(12)})
    listing = list_clips("freesound", str(plain), "f")
    assert set(splits_of(listing).values()) == set(SPLITS)
    folders = {f"{'test' if n < 3 else 'train'}/{n}.flac": b"1" for n in range(12)}
    told = splits_of(list_clips("freesound", str(write_tree(tmp_path / "b", files | folders)), "f"))
    assert Counter(told.values()) == {"train": 9, "test": 3}
