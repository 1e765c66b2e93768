"""The caption settings of a build: a file of answers that cannot be read ends it on one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.build.caption_setup import known_answers, refuse_unreadable
from pipeline.build.planning import BuildError
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
