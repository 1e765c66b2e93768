"""Builds: the same digest however they are run, only what is missing on the second time, and nothing lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline.build import BuildError, build
from pipeline.build.planning import plan_build, plan_summary
from pipeline.check.verify import verify
from pipeline.recipe import load_recipe
from tests.directions import angle_between_deg
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import RATE, write_folder
from transforms.rooms.geometry import direction_to_unit_vector
from transforms.shards.release_rows import ROW_SCHEMA
from transforms.words import words_of

pytestmark = pytest.mark.slow


def rows_of(release: Path) -> pd.DataFrame:
    return pd.concat(
        [pd.read_parquet(path) for path in sorted(release.glob("*/*/metadata.parquet"))], ignore_index=True
    )


def digest_of(release: Path) -> str:
    digest: str = json.loads((release / "release.json").read_text())["digest"]
    return digest


def test_a_release_has_the_rows_that_the_recipe_asks_for(release: Path) -> None:
    rows = rows_of(release)
    assert rows.groupby("split").size().to_dict() == {"test": 1, "train": 8, "validation": 1}
    assert rows["id"].is_unique
    assert rows["file_name"].is_unique
    assert set(rows.loc[rows["split"] == "train", "augmentation"]) == {0, 1}
    assert pq.read_schema(next(release.glob("train/*/metadata.parquet"))).equals(ROW_SCHEMA)


def test_rooms_are_of_one_split_and_listed_with_what_was_measured(release: Path) -> None:
    rows, rooms = rows_of(release), pd.read_parquet(release / "rooms.parquet").set_index("room_id")
    assert set(rows["room_id"]) == set(rooms.index)
    assert (rooms.loc[rows["room_id"], "split"].to_numpy() == rows["split"].to_numpy()).all()
    np.testing.assert_allclose(rooms["t30_ms"], rooms["t30_asked_ms"], rtol=0.02)
    np.testing.assert_allclose(rows["t30_ms"], rooms.loc[rows["room_id"], "t30_asked_ms"], rtol=0.02)


def test_rows_state_geometry_words_and_audio_that_agree(release: Path) -> None:
    for row in rows_of(release).itertuples():
        offset = np.array(
            [row.source_x_m - row.receiver_x_m, row.source_y_m - row.receiver_y_m, row.source_z_m - row.receiver_z_m]
        )
        direction = direction_to_unit_vector(row.azimuth_deg, row.elevation_deg)
        assert np.linalg.norm(offset) == pytest.approx(row.distance_m, abs=1e-5)
        assert angle_between_deg(offset, direction) < 1e-3
        words = words_of(
            azimuth_deg=row.azimuth_deg,
            elevation_deg=row.elevation_deg,
            distance_m=row.distance_m,
            floor_area_m2=row.floor_area_m2,
            t30_ms=row.t30_ms,
        )
        stated = (row.direction, row.elevation, row.distance, row.room_size, row.reverberation)
        assert tuple(None if pd.isna(word) else word for word in stated) == tuple(vars(words).values())
        (path,) = release.glob(f"{row.split}/*/{row.file_name}")
        audio = soundfile.info(path)
        assert (audio.samplerate, audio.channels, audio.subtype) == (48_000, 4, "PCM_16")
        assert audio.frames / RATE == pytest.approx(row.duration_s)
        assert row.duration_s >= 4.0


def test_nothing_of_the_build_is_left_in_a_release(release: Path) -> None:
    assert {path.name for path in release.iterdir()} == {
        "README.md", "release.json", "recipe.yaml", "rooms.parquet", "answers.parquet", "rejected.parquet",
        "croissant.json", "CITATION.cff", "attribution.csv", "train", "validation", "test",
    }  # fmt: skip


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param((*ONE_WORKER, "--direct_runner_bundle_repeat=1"), id="every bundle replayed"),
        pytest.param(("--runner=FnApiRunner",), id="another runner"),
    ],
)
def test_replays_and_runners_do_not_show_in_the_digest(
    release: Path, recordings: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """That two workers do not show is tested with a release on S3, and where one of them dies."""
    outcome = build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "again"), beam_flags=flags)
    assert outcome.totals.digest == digest_of(release)
    assert verify(tmp_path / "again").problems == []


def test_the_order_and_place_of_the_input_do_not_show_in_the_digest(
    release: Path, recordings: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(recordings, moved)
    pd.read_csv(moved / "metadata.csv").iloc[::-1].to_csv(moved / "metadata.csv", index=False)
    outcome = build(load_recipe("folder", SMALL), str(moved), str(tmp_path / "again"), beam_flags=ONE_WORKER)
    assert outcome.totals.digest == digest_of(release)


def test_another_seed_gives_another_release(release: Path, recordings: Path, tmp_path: Path) -> None:
    recipe = load_recipe("folder", [*SMALL, "seed=12"])
    assert build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER).totals.digest != digest_of(
        release
    )


def test_a_second_build_does_only_what_is_missing(release: Path, recordings: Path, tmp_path: Path) -> None:
    output = tmp_path / "copy"
    shutil.copytree(release, output)
    kept = {path: path.stat().st_mtime_ns for path in output.glob("*/*/*.flac")}
    gone = sorted(output.glob("train/*"))[0]
    missing = set(gone.glob("*.flac"))
    (gone / "metadata.parquet").unlink()
    (gone / "stray.flac").write_bytes(b"half a file")
    outcome = build(load_recipe("folder", SMALL), str(recordings), str(output), beam_flags=ONE_WORKER)
    assert outcome.built_shards == 1
    assert outcome.totals.digest == digest_of(release)
    assert {path for path, time in kept.items() if path.stat().st_mtime_ns != time} == missing
    assert verify(output).problems == []
    assert (output / "rooms.parquet").read_bytes() == (release / "rooms.parquet").read_bytes()


def test_another_recipe_another_input_and_a_folder_of_something_else_are_refused(
    release: Path, recordings: Path, tmp_path: Path
) -> None:
    output = tmp_path / "copy"
    shutil.copytree(release, output)
    with pytest.raises(BuildError, match="another recipe"):
        build(load_recipe("folder", [*SMALL, "seed=12"]), str(recordings), str(output))
    fewer = write_folder(tmp_path / "fewer", [{"file_name": "a.wav", "caption": "A sound"}])
    with pytest.raises(BuildError, match="another input"):
        build(load_recipe("folder", SMALL), str(fewer), str(output))
    with pytest.raises(BuildError, match="not empty"):
        build(load_recipe("folder", SMALL), str(recordings), str(recordings))
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="is a file"):
        build(load_recipe("folder", SMALL), str(recordings), str(tmp_path / "file"))


def test_a_clip_that_cannot_be_used_costs_its_own_rows_and_is_named(tmp_path: Path) -> None:
    names = ["good.wav", "empty.wav", "text.wav", "silent.wav", "gone.wav", "../outside.wav"]
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no sound")
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    write_folder(folder, [{"file_name": name, "caption": "A sound"} for name in names])
    (folder / "gone.wav").unlink()
    recipe = load_recipe("folder", [*SMALL, "select.split_shares.train=1"])
    outcome = build(recipe, str(folder), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    assert outcome.totals.row_count == 2
    assert not outcome.whole
    rejected = pd.read_parquet(tmp_path / "o" / "rejected.parquet").set_index("file")["reason"].to_dict()
    assert rejected == {
        "empty.wav": "empty",
        "text.wav": "unreadable",
        "silent.wav": "silent",
        "gone.wav": "missing",
        "../outside.wav": "outside_input",
    }
    assert verify(tmp_path / "o").problems == []


def test_a_limit_takes_clips_from_every_split(recordings: Path) -> None:
    plan = plan_build(load_recipe("folder", [*SMALL, "limit=3"]), str(recordings))
    assert plan_summary(load_recipe("folder", SMALL), plan)["rows_by_split"] == {"train": 2, "validation": 1, "test": 1}


def test_a_build_in_rooms_of_the_user_s_own(recordings: Path, tmp_path: Path) -> None:
    rooms = tmp_path / "rooms.csv"
    lines = [f"{split}-studio,{split},5,4,2.7,300" for split in ("train", "validation", "test")]
    rooms.write_text("\n".join(["room_id,split,length_m,width_m,height_m,t30_ms", *lines]))
    recipe = load_recipe("folder", [*SMALL, f"rooms.file={rooms}", "scenes.ranges.distance_max_m=1.5"])
    build(recipe, str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    rows = rows_of(tmp_path / "o")
    assert set(rows["room_id"]) == {"train-studio", "validation-studio", "test-studio"}
    assert rows["distance_m"].max() <= 1.5
    assert rows["t30_ms"].between(294, 306).all()
    rooms.write_text("room_id,split,length_m,width_m,height_m,t30_ms\nbox,train,5,4,2.7,5\n")
    with pytest.raises(BuildError, match=r"rooms\.own.*box.*5\.0 ms"):
        plan_build(load_recipe("folder", [*SMALL, f"rooms.file={rooms}"]), str(recordings))


def test_24_bits_and_peak_level(recordings: Path, tmp_path: Path) -> None:
    settings = [*SMALL, "audio.bit_depth=24", "audio.level=peak", "audio.peak_dbfs=-3", "limit=2"]
    build(load_recipe("folder", settings), str(recordings), str(tmp_path / "o"), beam_flags=ONE_WORKER)
    paths = list((tmp_path / "o").glob("*/*/*.flac"))
    assert len(paths) == 3
    for path in paths:
        samples, _ = soundfile.read(path)
        assert soundfile.info(path).subtype == "PCM_24"
        assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(-3, abs=0.01)
    assert verify(tmp_path / "o").problems == []
