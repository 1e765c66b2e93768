"""Verify finds every kind of damage, names it, and finds none where there is none."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.build import build
from pipeline.check import findings as findings_module
from pipeline.check import verify as verify_module
from pipeline.check.check_shard import ShardChecker
from pipeline.check.findings import Findings
from pipeline.check.verify import verify
from pipeline.recipe import load_recipe
from pipeline.release.layout import DigestBuilder, ReleaseError
from pipeline.release.totals import ShardTally
from tests.many_rows import write_many_rows
from tests.pipeline.check.damage import (
    DAMAGES,
    EDITS,
    FORGERIES,
    change_cell,
    changed,
    edit_json,
    first_flac,
    first_metadata,
    flip_a_bit,
    last_train,
    restate,
    stated,
)
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.tables import change_table
from transforms.bounds.limits import MOST_PROBLEM_CHARACTERS
from transforms.shards.release_rows import ROW_COLUMNS, SCENE_COLUMNS

#: Of the release that most tests damage: enough for two shards of training rows, and each kind of caption; not
#: more, since a hundred tests copy and verify it.
ROWS = 24


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with a language model's captions, answers kept and refused, and refused clips; its sound is short."""
    output = tmp_path_factory.mktemp("answered") / "release"
    write_many_rows(output, ROWS, rows_per_shard=ROWS // 3)
    return output


@pytest.fixture
def copy(answered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(answered, tmp_path / "copy"))


def named(problems: list[str], text: str) -> bool:
    return any(text in problem for problem in problems)


def test_an_undamaged_release_has_no_problem(release: Path) -> None:
    findings = verify(release)
    assert findings.problems == []
    assert findings.rows == 10


def test_an_undamaged_release_with_answers_and_refusals_has_no_problem(answered: Path) -> None:
    findings = verify(answered)
    counts = stated(answered)["counts"]
    assert min(counts["captions"].values()) > 0
    assert list(stated(answered)["caption_variety"]) == ["all", *sorted(counts["captions"])]
    assert counts["answers"]["refused"] > 0
    assert counts["rejected"] > 0
    assert findings.problems == []
    assert findings.rows == ROWS


def test_a_release_that_does_not_state_its_variety_has_no_problem(copy: Path) -> None:
    edit_json(copy, lambda values: values.pop("caption_variety"), sealed=True)
    assert verify(copy).problems == []


def test_the_variety_by_another_version_is_not_compared(copy: Path) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["versions"]["elsa-spatial-audio"] = "0.0.1"
        values["caption_variety"]["all"]["frames"] = 99

    edit_json(copy, edit, sealed=True)
    assert not named(verify(copy).problems, "caption_variety")


@pytest.mark.slow
def test_an_undamaged_release_of_24_bit_has_no_problem(recordings: Path, tmp_path: Path) -> None:
    recipe = load_recipe("folder", (*SMALL, "audio.bit_depth=24", "limit=3", "augmentations.train=1"))
    assert build(recipe, str(recordings), str(tmp_path / "deep"), beam_flags=ONE_WORKER).whole
    assert verify(tmp_path / "deep").problems == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(damage: str, copy: Path) -> None:
    inflict, text = DAMAGES[damage]
    inflict(copy)
    problems = verify(copy).problems
    assert named(problems, text), problems
    assert all("\n" not in problem for problem in problems)


@pytest.fixture(scope="module")
def one_shard(answered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for tests that change the table of its first shard alone, and put it back."""
    return Path(shutil.copytree(answered, tmp_path_factory.mktemp("one shard") / "copy"))


@pytest.mark.parametrize("column", [column.name for column in ROW_COLUMNS])
def test_a_changed_cell_of_every_column_is_found(column: str, one_shard: Path) -> None:
    # The shard's check alone: that its lines and its part of the digest reach the findings is tested beside this.
    path, checker = first_metadata(one_shard), ShardChecker(one_shard, fully=True)
    whole, place = path.read_bytes(), path.parent.relative_to(one_shard).as_posix()
    (shard,) = (shard for shard in stated(one_shard)["shards"] if shard["path"] == place)
    before = checker.check(shard)
    try:
        change_table(path, column, changed if column != "ambience_snr_db" else lambda _: 12.5)
        found = checker.check(shard)
        assert named(found.problems, "metadata.parquet: its SHA-256")
        again = checker.check({**shard, "metadata_sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    finally:
        path.write_bytes(whole)
    assert before.problems == []
    assert not named(again.problems, "metadata.parquet: its SHA-256")
    assert before.tally is not None
    assert again.tally is not None
    if column in [of_scenes.name for of_scenes in SCENE_COLUMNS]:
        # For a row of one still source these say what the other columns say, and are held against them.
        assert digest_of(before.tally) != digest_of(again.tally) or again.problems
        return
    # The hash of the FLAC file is no part of the digest, but the file is there to be held against it.
    assert (digest_of(before.tally) == digest_of(again.tally)) is (column == "sha256")
    assert named(again.problems, ".flac: its SHA-256") is (column == "sha256")


def digest_of(tally: ShardTally) -> str:
    builder = DigestBuilder()
    builder.add_entries(tally.entries)
    return builder.hexdigest()


def test_a_changed_cell_is_found_by_the_digest_where_every_hash_was_made_again(copy: Path) -> None:
    change_table(first_metadata(copy), "gain_db", changed)
    assert named(verify(copy).problems, "metadata.parquet: its SHA-256")
    restate(copy)
    assert named(verify(copy).problems, "release.json: digest is")


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_release_json_is_found_and_named(edit: str, sealed: bool, copy: Path) -> None:
    change, text = EDITS[edit]
    edit_json(copy, change, sealed=sealed)
    problems = verify(copy).problems
    assert named(problems, text), problems
    assert named(problems, "was edited") is not sealed


def test_edited_versions_are_found_by_the_hash_of_release_json_itself(copy: Path) -> None:
    edit_json(copy, lambda values: values["versions"].update(numpy="1.0"))
    assert verify(copy).problems == ["release.json: was edited, its sha256 is not that of what it states"]


@pytest.mark.slow
@pytest.mark.parametrize("forgery", FORGERIES)
def test_hashes_made_again_do_not_hide_what_makes_no_sense(forgery: str, copy: Path) -> None:
    inflict, text = FORGERIES[forgery]
    inflict(copy)
    try:
        restate(copy, digest=True)
    except (TypeError, ValueError, OverflowError):
        # No digest is of such a row.
        restate(copy)
    problems = verify(copy).problems
    assert named(problems, text), problems
    assert not named(problems, "SHA-256 is not the one in release.json")


@pytest.mark.slow
def test_processes_say_what_threads_say(copy: Path) -> None:
    flip_a_bit(first_flac(copy))
    change_cell(copy, "direction", "sideways")
    first_flac(copy).with_name("extra.flac").write_bytes(b"")
    shutil.rmtree(last_train(copy))
    in_threads, in_processes = verify(copy, processes=False), verify(copy, processes=True)
    assert len(in_threads.problems) > 5
    assert in_processes == in_threads


def test_a_process_that_dies_is_a_line_and_not_the_end(answered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards: list[dict[str, Any]] = stated(answered)["shards"]

    class Dying(ShardChecker):
        def check(self, shard: Any) -> Any:
            raise verify_module.BrokenExecutor

    monkeypatch.setattr(verify_module, "ShardChecker", Dying)
    problems = verify(answered, processes=False).problems
    assert [problem for problem in problems if "a process of the check died" in problem] == [
        f"{shard['path']}: not checked, a process of the check died" for shard in shards
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", '"text"', "null"])
def test_a_release_json_that_says_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(ReleaseError):
        verify(tmp_path)


def test_a_release_json_of_empty_values_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text("{}")
    assert named(verify(tmp_path).problems, "states no shard")


def test_problems_of_one_kind_are_counted_and_the_first_are_shown() -> None:
    # 50,000 repeated rooms were 50,000 lines, after minutes.
    rooms = [f"rooms.parquet: room studio {number}: is in the table more than once" for number in range(50_000)]
    flacs = [f"train/00000-of-00002/x-{number}.flac: No such file or directory" for number in range(21)]
    findings = Findings([*rooms, *flacs, "release.json: digest is 1, the rows give 2"])
    lines = findings.lines()
    assert len(lines) == 20 + 1 + 20 + 1 + 1
    assert lines[19:22] == [rooms[19], "… and 49,980 more of this kind, which --json lists", flacs[0]]
    assert lines[-2:] == ["… and 1 more of this kind, which --json lists", "release.json: digest is 1, the rows give 2"]
    assert len(findings.as_json()["problems"]) == 50_022
    assert Findings().lines() == []


def test_a_million_problems_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_module, "MOST_PROBLEMS", 30)
    findings = Findings()
    findings.add(
        f"{letter * 900}: is of a kind of its own: {letter * 3}" for letter in "abcdefghijklmnopqrstuvwxyz" * 2
    )
    assert len(findings.problems) == 30
    assert max(map(len, findings.problems)) == MOST_PROBLEM_CHARACTERS + 1
    assert findings.as_json()["problem_count"] == 52
    assert findings.lines()[-1] == "… and 22 more problems"
