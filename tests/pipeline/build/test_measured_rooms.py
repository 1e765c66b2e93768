"""Releases in measured rooms: rows tell what their files tell, and are verified, rendered and made again the same."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.build import BuildError, build
from pipeline.build.planning import plan_build
from pipeline.check.verify import verify
from pipeline.command import DONE, UNUSABLE, main
from pipeline.recipe import RecipeError, load_recipe
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import small_folder
from tests.transforms.rooms.measured.sets import at_rate, csv_row, known, t30_at_rate, write_csv
from transforms.shards.release_rows import UNTOLD_COLUMNS

RATES = (48_000, 24_000, 48_000, 48_000)


@pytest.fixture(scope="module")
def halls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four responses in three rooms; a fifth file is silent. One room has a size, one has no distance."""
    responses = [known(0), known(1), known(2), known(3)]
    names = [f"hall {number}.wav" for number in range(4)]
    rows = [csv_row(name, response) for name, response in zip(names, responses, strict=True)]
    rows[0] |= {"length_m": responses[0].room.length_m, "floor_area_m2": 120.0, "license": "CC-BY-4.0"}
    rows[2]["distance_m"] = ""
    rows[3]["room_id"] = rows[0]["room_id"]
    rows.append(csv_row("silent.wav", responses[1]))
    sounds = {
        name: (at_rate(response.samples, rate), rate)
        for name, response, rate in zip(names, responses, RATES, strict=True)
    }
    sounds["silent.wav"] = (0.0 * responses[1].samples, 48_000)
    return write_csv(tmp_path_factory.mktemp("halls"), rows, sounds)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("in"), clips=8)


@pytest.fixture(scope="module")
def measured(halls: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("releases") / "measured"
    outcome = build(recipe_of(halls), str(clips), str(output), beam_flags=ONE_WORKER)
    assert outcome.failures == ()
    assert [rejection.reason for rejection in outcome.rejections] == ["silent"]
    return output


def recipe_of(halls: Path, *settings: str):  # type: ignore[no-untyped-def]
    return load_recipe("folder", [*SMALL, f"rooms.measured={halls}", *settings])


def rows_of(release: Path) -> list[dict]:  # type: ignore[type-arg]
    return pa.concat_tables([pq.read_table(path) for path in sorted(release.glob("*/*/metadata.parquet"))]).to_pylist()


@pytest.mark.slow
def test_rows_name_their_response_and_tell_no_more_than_its_files(measured: Path) -> None:
    rows = rows_of(measured)
    of_file = {f"hall {number}.wav": known(number) for number in range(4)}
    assert {row["response_id"] for row in rows} <= set(of_file)
    rooms = {row["room_id"]: row for row in pq.read_table(measured / "rooms.parquet").to_pylist()}
    splits: dict[str, set[str]] = {}
    for row in rows:
        truth = of_file[row["response_id"]]
        assert row["azimuth_deg"] == pytest.approx(truth.placement.azimuth_deg, abs=1e-5)
        rate = RATES[int(row["response_id"][5])]
        assert row["t30_ms"] == pytest.approx(t30_at_rate(truth, rate), rel=0.01)
        known_distance_m = None if row["response_id"] == "hall 2.wav" else round(truth.placement.distance_m, 6)
        assert row["distance_m"] == known_distance_m == row["sources"][0]["distance_m"]
        stated = ("distance_m", "floor_area_m2", "room_length_m")
        assert all(row[column] is None for column in UNTOLD_COLUMNS if column not in stated)
        assert row["room_size"] == ("large" if row["room_id"] == known(0).room.room_id else None)
        assert (row["t30_bands_ms"][-1] is None) == (row["response_id"] == "hall 1.wav")
        assert rooms[row["room_id"]]["volume_m3"] is None
        splits.setdefault(row["room_id"], set()).add(row["split"])
    assert all(len(of_room) == 1 for of_room in splits.values())
    assert len(splits) == 3
    rejected = pq.read_table(measured / "rejected.parquet").to_pylist()
    assert [(each["file"], each["stage"], each["reason"]) for each in rejected] == [
        ("responses.csv", "measured room", "silent")
    ]


@pytest.mark.slow
def test_a_release_in_measured_rooms_is_whole_and_made_again_the_same(
    measured: Path, halls: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(measured).problems == []
    again = ["reproduce", measured, "--input", clips, "--output", tmp_path / "again", *ONE_WORKER]
    rerender = ["verify", measured, "--rerender", 4, "--input", clips]
    for words in (again, rerender):
        assert main([str(word) for word in words]) == UNUSABLE
        assert f"rooms.measured: where is {halls.name!r}" in capsys.readouterr().err
        assert main([str(word) for word in (*words, "--set", f"rooms.measured={halls}")]) == DONE


@pytest.mark.slow
def test_two_workers_and_a_replay_give_the_digest_of_one(
    measured: Path, halls: Path, clips: Path, tmp_path: Path
) -> None:
    flags = ("--direct_num_workers=2", "--direct_running_mode=multi_threading", "--direct_runner_bundle_repeat=1")
    outcome = build(recipe_of(halls), str(clips), str(tmp_path / "two"), beam_flags=flags)
    assert outcome.totals.digest == json.loads((measured / "release.json").read_text())["digest"]


def test_a_split_without_measured_rooms_samples_its_own(halls: Path, clips: Path, tmp_path: Path) -> None:
    one = write_csv(
        tmp_path / "train",
        [csv_row("a.wav", known(0))],
        {"a.wav": (known(0).samples, 48_000)},
    )
    plan = plan_build(recipe_of(one), str(clips))
    assert plan.responses is not None
    assert [len(plan.responses.rooms(split)) for split in ("train", "validation", "test")] == [1, 0, 0]
    assert {index for split, index in plan.rooms if split == "train"} == {0}
    with pytest.raises(BuildError, match=r"rooms\.test is 0"):
        plan_build(recipe_of(one, "rooms.test=0"), str(clips))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["rooms.measured=/nowhere/halls"], "no such file or folder"),
        (["rooms.measured={halls}", "rooms.measured_channels=wxyz"], "rooms.measured_channels"),
        (["rooms.measured={halls}", "scenes.duration_s=2"], "scenes are made in simulated rooms alone"),
    ],
)
def test_measured_rooms_that_cannot_be_used_are_named_on_one_line(settings: list[str], words: str, halls: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("folder", [setting.format(halls=halls) for setting in settings])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_without_a_usable_response_starts_no_build(clips: Path, tmp_path: Path) -> None:
    silent = write_csv(tmp_path / "silent", [csv_row("a.wav", known(0))], {"a.wav": (0.0 * known(0).samples, 48_000)})
    with pytest.raises(BuildError, match=r"rooms\.measured: no measured response can be used; the first: .*a\.wav"):
        plan_build(recipe_of(silent), str(clips))
