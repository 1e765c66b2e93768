"""Releases of scenes: the same digest however they are built, whole by verify, rendered and made again the same."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.build import BuildError, build
from pipeline.check.verify import rerender_rows, verify
from pipeline.command import DONE, UNUSABLE, main
from pipeline.recipe import RecipeError, load_recipe
from tests.commands import start_build, wait_until
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import encoded, noise_burst, small_folder
from transforms.shards.release_rows import is_plain

SCENES = (
    *SMALL,
    "scenes.sources_max=3",
    "scenes.share=0.8",
    "scenes.moving_share=0.5",
    "scenes.duration_s=1.5",
    "scenes.ambience_snr_min_db=20",
    "scenes.ambience_snr_max_db=30",
    "audio.min_duration_s=0.6",
    "audio.stems=both",
)


@pytest.fixture(scope="module")
def input_of_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("in"), clips=8)


@pytest.fixture(scope="module")
def scenes(input_of_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("releases") / "scenes"
    assert build(load_recipe("folder", SCENES), str(input_of_scenes), str(output), beam_flags=ONE_WORKER).whole
    return output


def digest_of(release: Path) -> str:
    digest: str = json.loads((release / "release.json").read_text())["digest"]
    return digest


def rows_of(release: Path) -> list[dict]:  # type: ignore[type-arg]
    tables = [pq.read_table(path) for path in sorted(release.glob("*/*/metadata.parquet"))]
    return pa.concat_tables(tables).to_pylist()


@pytest.mark.slow
def test_a_release_of_scenes_is_whole_and_every_clip_has_its_rows(scenes: Path) -> None:
    assert verify(scenes).problems == []
    rows = rows_of(scenes)
    assert len(rows) == 2 * 4 + 2 + 2
    assert {row["n_sources"] for row in rows} == {1, 2, 3}
    assert any(source["moving"] for row in rows for source in row["sources"])
    for row in rows:
        named = {source["source_id"] for source in row["sources"]}
        assert row["source_id"] in named
        assert len(named) == row["n_sources"]
        assert row["duration_s"] == (0.6 if is_plain(row) else 1.5)
    assert any(is_plain(row) for row in rows)


@pytest.mark.slow
def test_replays_do_not_show_in_the_digest_of_scenes(scenes: Path, input_of_scenes: Path, tmp_path: Path) -> None:
    """That several workers do not show either is tested with Beam's pools of workers."""
    flags = (*ONE_WORKER, "--direct_runner_bundle_repeat=1")
    outcome = build(load_recipe("folder", SCENES), str(input_of_scenes), str(tmp_path / "again"), beam_flags=flags)
    assert outcome.totals.digest == digest_of(scenes)


@pytest.mark.slow
def test_a_limit_changes_no_companion(scenes: Path, input_of_scenes: Path, tmp_path: Path) -> None:
    limited = load_recipe("folder", (*SCENES, "limit=4"))
    assert build(limited, str(input_of_scenes), str(tmp_path / "part"), beam_flags=ONE_WORKER).whole
    whole = {row["id"]: row for row in rows_of(scenes)}
    for row in rows_of(tmp_path / "part"):
        assert row["pcm_sha256"] == whole[row["id"]]["pcm_sha256"]
    outcome = build(load_recipe("folder", SCENES), str(input_of_scenes), str(tmp_path / "part"), beam_flags=ONE_WORKER)
    assert outcome.totals.digest == digest_of(scenes)


@pytest.mark.slow
def test_scenes_are_rendered_and_made_again_the_same(scenes: Path, input_of_scenes: Path, tmp_path: Path) -> None:
    findings = verify(scenes)
    rerender_rows(str(scenes), str(input_of_scenes), 6, findings)
    assert findings.rerendered == 6
    assert findings.problems == []
    words = ["reproduce", scenes, "--input", input_of_scenes, "--output", tmp_path / "again", *ONE_WORKER]
    assert main([str(word) for word in words]) == DONE


@pytest.mark.slow
def test_an_ambience_of_recordings_is_rendered_and_made_again_the_same(
    input_of_scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    street, release = tmp_path / "street", tmp_path / "release"
    street.mkdir()
    (street / "cars.wav").write_bytes(encoded(noise_burst(2.0)))
    (street / "broken.wav").write_bytes(b"no sound")
    settings = [*SCENES, "scenes.share=1", "scenes.moving_share=0", f"scenes.ambience={street}"]
    recipe = load_recipe("folder", settings)
    assert build(recipe, str(input_of_scenes), str(release), beam_flags=ONE_WORKER).whole
    assert all(row["ambience_snr_db"] is not None for row in rows_of(release))
    again = ["reproduce", release, "--input", input_of_scenes, "--output", tmp_path / "again", *ONE_WORKER]
    rerender = ["verify", release, "--rerender", 4, "--input", input_of_scenes]
    for words in (again, rerender):
        assert main([str(word) for word in words]) == UNUSABLE
        assert "scenes.ambience: where is 'street'" in capsys.readouterr().err
        assert main([str(word) for word in (*words, "--set", f"scenes.ambience={street}")]) == DONE


@pytest.mark.slow
def test_a_build_of_scenes_that_is_killed_goes_on_to_the_same_digest(
    scenes: Path, input_of_scenes: Path, tmp_path: Path
) -> None:
    output = tmp_path / "killed"
    settings = [word for setting in SCENES for word in ("--set", setting)]
    process = start_build(input_of_scenes, output, *ONE_WORKER, *settings)
    wait_until(lambda: bool(list(output.glob("*/*/*.flac"))) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    outcome = build(load_recipe("folder", SCENES), str(input_of_scenes), str(output), beam_flags=ONE_WORKER)
    assert outcome.totals.digest == digest_of(scenes)
    assert verify(output).problems == []


@pytest.mark.slow
def test_a_damaged_or_lost_or_foreign_stem_is_found(scenes: Path) -> None:
    stem, other = sorted(scenes.glob("train/*/stems/*-wet.flac"))[:2]
    whole = stem.read_bytes()
    try:
        stem.write_bytes(other.read_bytes())
        assert any("do not add up" in problem for problem in verify(scenes).problems)
        stem.unlink()
        assert any(f"{stem.name}: no such file" in problem.lower() for problem in verify(scenes).problems)
        (stem.parent / "more.flac").write_bytes(whole)
        assert any("stems/more.flac: not part of the release" in problem for problem in verify(scenes).problems)
    finally:
        (stem.parent / "more.flac").unlink(missing_ok=True)
        stem.write_bytes(whole)


def test_a_recipe_at_its_defaults_has_the_hash_of_before_there_were_scenes() -> None:
    # The hash of this recipe by the version before.
    recipe = load_recipe("folder", SMALL)
    assert "stems" in recipe.to_yaml()
    assert not recipe.scene_settings().are_on
    assert load_recipe("folder", (*SMALL, "audio.stems=wet")).sha256() != recipe.sha256()
    assert load_recipe("folder", (*SMALL, "scenes.sources_max=1")).sha256() == recipe.sha256()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("scenes.sources_max=2",), "duration_s"),
        (("scenes.sources_min=3",), "sources_min, sources_max: 3, 1"),
        (("scenes.moving_share=1.5",), "moving_share: 1.5"),
        (("scenes.speed_min_m_s=2",), "speed_min_m_s, speed_max_m_s: 2.0, 1.5"),
        (("scenes.speed_max_m_s=50",), "at most 10"),
        (("scenes.duration_s=0",), "duration_s: 0.0"),
        (("scenes.ambience_snr_min_db=3",), "give both, or neither"),
        (("scenes.level_min_db=9",), "level_min_db, level_max_db: 9.0, 6.0"),
        (("audio.stems=dry",), "audio.stems"),
        (("scenes.moving_share=1", "rows_per_shard=4096"), "rows_per_shard"),
        (("scenes.sources=2",), "no recipe key is named scenes.sources"),
    ],
)
def test_impossible_scenes_are_refused_in_one_line_that_names_the_key(settings: tuple[str, ...], told: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("folder", (*SMALL, *settings))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_another_list_under_the_same_scenes_is_another_input(scenes: Path, tmp_path: Path) -> None:
    # A companion comes from the whole list, so a clip more changes scenes beside its own.
    more = small_folder(tmp_path / "in", clips=9)
    with pytest.raises(BuildError, match="another input"):
        build(load_recipe("folder", SCENES), str(more), str(scenes), beam_flags=ONE_WORKER)
