"""Verify finds every kind of damage, names it, and finds none where there is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline.release import ReleaseError
from pipeline.verify import rerender_rows, verify
from tests.sounds import RATE, noise_burst


def first_flac(release: Path) -> Path:
    return sorted(release.glob("train/*/*.flac"))[0]


def first_metadata(release: Path) -> Path:
    return sorted(release.glob("train/*/metadata.parquet"))[0]


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def change_cell(release: Path, column: str, value: object) -> None:
    path = first_metadata(release)
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[0] = value
    field = table.schema.field(column)
    position = table.schema.get_field_index(column)
    pq.write_table(table.set_column(position, field, pa.array(values, field.type)), path)


def reorder_rows(release: Path) -> None:
    path = first_metadata(release)
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), path)


def edit_json(release: Path, key: str, value: object) -> None:
    stated = json.loads((release / "release.json").read_text())
    stated[key] = value
    (release / "release.json").write_text(json.dumps(stated))


def forget_shard(release: Path) -> None:
    stated = json.loads((release / "release.json").read_text())
    stated["shards"] = stated["shards"][1:]
    (release / "release.json").write_text(json.dumps(stated))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def swap_flacs(release: Path) -> None:
    first, second = sorted(first_metadata(release).parent.glob("*.flac"))[:2]
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit in a FLAC": (lambda r: flip_a_bit(first_flac(r)), ".flac"),
    "a truncated FLAC": (lambda r: truncate(first_flac(r)), ".flac"),
    "an empty FLAC": (lambda r: first_flac(r).write_bytes(b""), ".flac"),
    "a missing FLAC": (lambda r: first_flac(r).unlink(), ".flac"),
    "two FLACs swapped": (swap_flacs, ".flac"),
    "an extra FLAC": (lambda r: shutil.copy(first_flac(r), first_flac(r).with_name("extra.flac")), "extra.flac"),
    "an extra file at the root": (lambda r: (r / "notes.txt").write_text("x"), "notes.txt"),
    "an extra folder": (lambda r: shutil.copytree(first_flac(r).parent, r / "train" / "extra"), "train/extra"),
    "a changed word": (lambda r: change_cell(r, "direction", "sideways"), "metadata.parquet"),
    "a changed azimuth": (lambda r: change_cell(r, "azimuth_deg", 1.0), "metadata.parquet"),
    "a changed caption": (lambda r: change_cell(r, "captions", ["Another sound"]), "metadata.parquet"),
    "a changed licence": (lambda r: change_cell(r, "license", "CC0-1.0"), "metadata.parquet"),
    "a changed hash of samples": (lambda r: change_cell(r, "pcm_sha256", "0" * 64), ".flac"),
    "a path that leads outside": (lambda r: change_cell(r, "file_name", "../../README.md"), "leads out"),
    "reordered rows": (reorder_rows, "metadata.parquet"),
    "a truncated metadata.parquet": (lambda r: truncate(first_metadata(r)), "metadata.parquet"),
    "a missing metadata.parquet": (lambda r: first_metadata(r).unlink(), "metadata.parquet"),
    "a flipped bit in rooms.parquet": (lambda r: flip_a_bit(r / "rooms.parquet"), "rooms.parquet"),
    "a missing answers.parquet": (lambda r: (r / "answers.parquet").unlink(), "answers.parquet"),
    "an edited recipe": (lambda r: (r / "recipe.yaml").write_text("name: x\nsource: folder\n"), "recipe.yaml"),
    "an edited card": (lambda r: (r / "README.md").write_text("# mine"), "README.md"),
    "an edited digest": (lambda r: edit_json(r, "digest", "0" * 64), "digest"),
    "an edited count": (lambda r: edit_json(r, "counts", {"rows": 3}), "counts.rows"),
    "a shard that is not stated": (forget_shard, "not part of the release"),
}


def test_an_undamaged_release_has_no_problem(release: Path) -> None:
    findings = verify(release)
    assert findings.problems == []
    assert findings.rows == 10


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(damage: str, release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release, copy)
    inflict, named = DAMAGES[damage]
    inflict(copy)
    problems = verify(copy).problems
    assert any(named in problem for problem in problems), problems
    assert all("\n" not in problem for problem in problems)


def test_a_rewritten_hash_does_not_hide_a_word_that_the_numbers_deny(release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release, copy)
    change_cell(copy, "distance", "far" if pq.read_table(first_metadata(copy))["distance_m"][0].as_py() < 1 else "near")
    assert any("its numbers say" in problem for problem in verify(copy).problems)


@pytest.mark.parametrize("text", ["", "[]", "{", '"text"', "null"])
def test_a_release_json_that_says_nothing_is_refused(text: str, release: Path, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(ReleaseError):
        verify(tmp_path)


def test_rows_rendered_again_from_their_metadata_have_the_same_samples(release: Path, recordings: Path) -> None:
    findings = verify(release)
    rerender_rows(str(release), str(recordings), 4, findings)
    assert findings.rerendered == 4
    assert findings.problems == []


def test_a_clip_that_was_swapped_is_found_by_rendering_again(release: Path, recordings: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(recordings, other)
    for number, path in enumerate(sorted(other.glob("*.wav"))):
        soundfile.write(path, noise_burst(0.7, seed=100 + number), RATE)
    findings = verify(release)
    rerender_rows(str(release), str(other), 2, findings)
    assert len(findings.problems) == 2
    assert all("another file" in problem for problem in findings.problems)


def test_a_row_whose_seed_was_changed_is_found_by_rendering_again(
    release: Path, recordings: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release, copy)
    change_cell(copy, "seed", 5)
    findings = verify(copy)
    rerender_rows(str(copy), str(recordings), 100, findings)
    assert findings.rerendered == 10
    assert sum("rendered again" in problem for problem in findings.problems) == 1
