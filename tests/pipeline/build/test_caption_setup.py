"""The caption settings of a build: a file of answers that cannot be read ends it on one line."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from pipeline.build.caption_setup import job_of_build, known_answers, refuse_unreadable
from pipeline.build.planning import BuildError
from pipeline.recipe import load_recipe
from transforms.shards.release_rows import ANSWER_SCHEMA
from transforms.shards.write_shard import table_to_parquet


def test_a_torn_file_of_answers_within_the_release_is_named_and_not_called_answers_none(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole.parquet", tmp_path / "torn.parquet"
    whole.write_bytes(table_to_parquet([], ANSWER_SCHEMA))
    torn.write_bytes(whole.read_bytes()[:-9])
    with pytest.raises(BuildError) as caught:
        known_answers([str(whole), str(torn)])
    assert str(caught.value).startswith(f"{torn} cannot be read as answers: ")
    assert "None" not in str(caught.value)


def test_unreadable_answers_are_named_with_their_option(tmp_path: Path) -> None:
    refuse_unreadable(None)
    with pytest.raises(BuildError, match=r"^--answers .*none\.parquet cannot be read: No such file"):
        refuse_unreadable(str(tmp_path / "none.parquet"))


def test_a_budget_on_a_disk_without_locks_is_dealt_to_the_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every request failed at the lock of the file that counts them.
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    recipe = load_recipe("folder", ["caption.writer=openai", "caption.max_requests=100"])
    shared = job_of_build(recipe, str(tmp_path), 4, None, answers_alone=False)
    assert shared.ledger is not None
    assert shared.max_requests == 100
    monkeypatch.setattr(fcntl, "flock", no_locks)
    apart = job_of_build(recipe, str(tmp_path), 4, None, answers_alone=False)
    assert (apart.ledger, apart.max_requests) == (None, 25)
