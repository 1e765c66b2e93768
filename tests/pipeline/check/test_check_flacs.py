"""The files of a row against the row and the recipe: none missing, none of another degree, none of other samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from pipeline.check.check_flacs import check_flacs
from pipeline.recipe import load_recipe
from pipeline.release.row_flacs import row_flacs, unusable_flacs
from tests.pipeline.check.damage import flip_a_bit
from transforms.sound.row_files import encode_row

ORDER_3 = load_recipe("folder", ("receiver.order=3",))
SHARD = "train/00000-of-00001"


def noise(channels: int) -> NDArray[np.float32]:
    return np.random.default_rng(channels).uniform(-0.5, 0.5, (channels, 4_800)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / SHARD).mkdir(parents=True)
    return tmp_path / SHARD


def write_row(folder: Path, samples: NDArray[np.float32], channels: str = "WYZX") -> dict[str, Any]:
    files = encode_row(
        samples, "dog.flac", gain_db=0.0, turned_down=False, bit_depth=16, channels=channels, source_sha256="s"
    )
    for name, data in files.flacs.items():
        (folder / name).write_bytes(data)
    audio = files.audio
    return {
        "file_name": audio.file_name,
        "duration_s": audio.duration_s,
        "sample_rate": 48_000,
        "sha256": audio.sha256,
        "pcm_sha256": audio.pcm_sha256,
        "channels": audio.channels,
        "degree_files": [file.file_name for file in audio.degrees],
        "degree_sha256": [file.sha256 for file in audio.degrees],
        "degree_pcm_sha256": [file.pcm_sha256 for file in audio.degrees],
    }


def problems(folder: Path, values: dict[str, Any], *settings: str) -> list[str]:
    recipe = load_recipe("folder", settings) if settings else ORDER_3
    assert unusable_flacs(values) is None
    return check_flacs(str(folder.parents[1]), SHARD, values, recipe)[1]


def swap(one: Path, other: Path) -> None:
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


@pytest.mark.parametrize(("order", "files"), [(1, 1), (2, 2), (3, 3)])
def test_whole_rows_of_every_order_have_no_problem(folder: Path, order: int, files: int) -> None:
    values = write_row(folder, noise((order + 1) ** 2))
    assert problems(folder, values, f"receiver.order={order}") == []
    size, _ = check_flacs(str(folder.parents[1]), SHARD, values, None)
    assert size == sum(path.stat().st_size for path in folder.iterdir())
    assert len(row_flacs(values)) == files


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda folder: (folder / "dog.d2.flac").unlink(), "dog.d2.flac: No such file"),
    "empty": (lambda folder: (folder / "dog.d3.flac").write_bytes(b""), "dog.d3.flac: cannot be decoded"),
    "flipped": (lambda folder: flip_a_bit(folder / "dog.d3.flac"), "dog.d3.flac: its SHA-256"),
    "swapped": (lambda folder: swap(folder / "dog.d2.flac", folder / "dog.d3.flac"), "not FLAC of 5 channels"),
    "a link": (lambda folder: (folder / "dog.d2.flac").unlink() or (folder / "dog.d2.flac").symlink_to("dog.flac"),
               "dog.d2.flac: is a link"),
    "the first again": (lambda folder: swap(folder / "dog.flac", folder / "dog.d2.flac"), "not FLAC of 4 channels"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_of_a_degree_is_named(folder: Path, name: str) -> None:
    values = write_row(folder, noise(16))
    damage, message = DAMAGES[name]
    damage(folder)
    assert any(message in problem for problem in problems(folder, values))


def test_other_samples_with_their_own_hash_are_not_those_of_the_row(folder: Path) -> None:
    values = write_row(folder, noise(9))
    pcm = soundfile.read(folder / "dog.d2.flac", dtype="int16")[0]
    soundfile.write(folder / "dog.d2.flac", pcm[:, ::-1], 48_000, subtype="PCM_16")
    values["degree_sha256"] = [hashlib.sha256((folder / "dog.d2.flac").read_bytes()).hexdigest()]
    (problem,) = problems(folder, values, "receiver.order=2")
    assert problem.endswith("dog.d2.flac: its samples are not those of the row")


@pytest.mark.parametrize(
    ("channels", "kind", "message"),
    [
        (4, "WYZX", "it states 0 files of higher degrees, its recipe has 2"),
        (9, "WYZX", "it states 1 files of higher degrees, its recipe has 2"),
        (2, "LR", "channels is LR, its recipe has a receiver of WYZX"),
    ],
)
def test_channels_and_degrees_have_to_be_the_recipes(folder: Path, channels: int, kind: str, message: str) -> None:
    values = write_row(folder, noise(channels), kind)
    assert problems(folder, values) == [f"{SHARD}/dog.flac: {message}"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": "XYZW"}, "channels is XYZW, none of WYZX, LR"),
        ({"channels": ""}, "channels is , none of"),
        ({"channels": "LR"}, "two ears have no degrees"),
        ({"degree_files": ["dog.d3.flac", "dog.d2.flac"]}, "degree_files is none of the lists"),
        ({"degree_files": ["../dog.d2.flac", "dog.d3.flac"]}, "degree_files is none of the lists"),
        ({"degree_files": ["dog.d2.flac"]}, "are not of one length"),
        ({"degree_files": None}, "are not of one length"),
        ({"degree_sha256": []}, "are not of one length"),
        ({"degree_pcm_sha256": None}, "are not of one length"),
        ({"degree_files": [f"dog.d{degree}.flac" for degree in range(2, 900)]}, "degree_files is none of the lists"),
        ({"file_name": "cat.flac"}, "degree_files is none of the lists that a row of cat.flac may have"),
    ],
)
def test_columns_that_contradict_each_other_make_a_row_unusable(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    problem = unusable_flacs({**write_row(folder, noise(16)), **changes})
    assert problem is not None
    assert message in problem


def test_a_row_of_an_older_release_has_one_file(folder: Path) -> None:
    values = write_row(folder, noise(4))
    nulls = dict.fromkeys(("channels", "degree_files", "degree_sha256", "degree_pcm_sha256"))
    assert unusable_flacs({**values, **nulls}) is None
