"""Releases of other receivers: one digest however they are built, whole by verify, rendered and made again the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline.build import build
from pipeline.check.verify import rerender_rows, verify
from pipeline.command import DONE, main
from pipeline.recipe import load_recipe
from tests.commands import start_build, wait_until
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.sounds import small_folder
from tests.transforms.receivers.heads import sphere_head, write_sofa

pytestmark = pytest.mark.slow

ORDER_3 = ("receiver.order=3",)
ARRAY = ("receiver.kind=array", "receiver.array=tetrahedron", "receiver.noise_db=-70", "receiver.tolerance_db=0.5")
#: Two scenes of every three rows, with a moving source, ambience and stems.
SCENES = (
    *("scenes.sources_max=2", "scenes.moving_share=0.5", "scenes.duration_s=0.8", "scenes.share=0.7"),
    *("scenes.ambience_snr_min_db=20", "scenes.ambience_snr_max_db=20", "audio.stems=wet"),
)
SHORT = (*SMALL, "audio.min_duration_s=0.5")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("in"), clips=4)


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sofa(tmp_path_factory.mktemp("heads") / "sphere.sofa", *sphere_head(30.0))


def built(sounds: Path, output: Path, *settings: str, flags: tuple[str, ...] = ONE_WORKER) -> Path:
    assert build(load_recipe("folder", (*SHORT, *settings)), str(sounds), str(output), beam_flags=flags).whole
    return output


@pytest.fixture(scope="module")
def third(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(sounds, tmp_path_factory.mktemp("releases") / "third", *ORDER_3, *SCENES)


def digest_of(release: Path) -> str:
    digest: str = json.loads((release / "release.json").read_text())["digest"]
    return digest


def rows_of(release: Path) -> list[dict]:  # type: ignore[type-arg]
    return pa.concat_tables([pq.read_table(path) for path in sorted(release.glob("*/*/metadata.parquet"))]).to_pylist()


def made_again(release: Path, sounds: Path, output: Path, *settings: str) -> None:
    """Verifies a release, renders all of its rows again, and reproduces it."""
    findings = verify(release)
    rerender_rows(str(release), str(sounds), 100, findings, settings)
    assert findings.problems == []
    assert findings.rerendered == len(rows_of(release))
    set_again = [word for setting in settings for word in ("--set", setting)]
    words = ["reproduce", release, "--input", sounds, "--output", output, *ONE_WORKER, *set_again]
    assert main([str(word) for word in words]) == DONE


def test_a_release_of_order_3_has_the_first_order_of_one_of_order_1(third: Path, sounds: Path, tmp_path: Path) -> None:
    first = built(sounds, tmp_path / "first", *SCENES)
    names = [path.relative_to(first) for path in first.glob("**/*.flac")]
    for name in names:
        assert (first / name).read_bytes() == (third / name).read_bytes()
    rows = rows_of(third)
    assert len(list(third.glob("*/*/*.flac"))) == 3 * len(rows)
    for row, of_first in zip(rows, rows_of(first), strict=True):
        assert {name for name in row if row[name] != of_first[name]} == {
            "degree_files", "degree_sha256", "degree_pcm_sha256",
        }  # fmt: skip
        frames = {soundfile.info(next(third.glob(f"*/*/{name}"))).frames for name in row["degree_files"]}
        assert frames == {round(row["duration_s"] * 48_000)}
    card = (third / "README.md").read_text()
    assert "third-order ambisonics" in card
    assert "tags: [audio, spatial-audio, ambisonics, higher-order-ambisonics" in card


def test_a_release_of_order_3_is_rendered_and_made_again_the_same(third: Path, sounds: Path, tmp_path: Path) -> None:
    made_again(third, sounds, tmp_path / "again")


def test_bundles_that_are_replayed_give_the_same_digest_of_order_3(third: Path, sounds: Path, tmp_path: Path) -> None:
    flags = (*ONE_WORKER, "--direct_runner_bundle_repeat=1")
    assert digest_of(built(sounds, tmp_path / "again", *ORDER_3, *SCENES, flags=flags)) == digest_of(third)


def test_a_build_of_order_3_that_is_killed_goes_on_with_two_workers_to_the_same_digest(
    third: Path, sounds: Path, tmp_path: Path
) -> None:
    output = tmp_path / "killed"
    settings = [word for setting in (*SHORT, *ORDER_3, *SCENES) for word in ("--set", setting)]
    process = start_build(sounds, output, *ONE_WORKER, *settings)
    wait_until(lambda: bool(list(output.glob("*/*/*.d3.flac"))) or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    two_workers = ("--direct_num_workers=2",)
    assert digest_of(built(sounds, output, *ORDER_3, *SCENES, flags=two_workers)) == digest_of(third)
    assert verify(output).problems == []


def test_a_file_of_a_degree_that_is_missing_or_foreign_is_found(third: Path, tmp_path: Path) -> None:
    release = shutil.copytree(third, tmp_path / "copy")
    lost, other = sorted(release.glob("train/*/*.d2.flac"))[:2]
    shutil.copy(other, other.with_name("more.d2.flac"))
    lost.unlink()
    problems = verify(release).problems
    assert len(problems) == 2
    assert any(f"{lost.name}: No such file" in problem for problem in problems)
    assert any("more.d2.flac: not part of the release" in problem for problem in problems)


def test_a_release_of_an_array_is_made_again_the_same(sounds: Path, tmp_path: Path) -> None:
    release = built(sounds, tmp_path / "array", *ARRAY)
    assert {row["channels"] for row in rows_of(release)} == {"WYZX"}
    assert "of the microphone array `tetrahedron`, simulated" in (release / "README.md").read_text()
    made_again(release, sounds, tmp_path / "again")


def test_a_binaural_release_is_made_again_the_same_with_its_head(sounds: Path, head: Path, tmp_path: Path) -> None:
    release = built(sounds, tmp_path / "ears", "receiver.kind=binaural", f"receiver.head={head}")
    assert {row["channels"] for row in rows_of(release)} == {"LR"}
    assert {soundfile.info(path).channels for path in release.glob("*/*/*.flac")} == {2}
    made_again(release, sounds, tmp_path / "again", f"receiver.head={head}")
