"""What breaks one shard stays on it; what breaks the disk ends the build."""

from __future__ import annotations

import errno

import pytest

from transforms.records import Shard
from transforms.shards.each_shard import guarded

SHARD = Shard("train", 0, 1)


def raising(error: Exception):  # type: ignore[no-untyped-def]
    def function(_: Shard) -> Shard:
        raise error

    return function


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_nothing_more_ends_the_build(number: int) -> None:
    with pytest.raises(OSError, match="no"):
        guarded("render", raising(OSError(number, "no")), SHARD)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "no"), ValueError("no"), MemoryError("no"), KeyError("no")])
def test_what_breaks_one_shard_is_kept_on_it(error: Exception) -> None:
    failed = guarded("render", raising(error), SHARD)
    assert failed.failure is not None
    assert failed.failure.startswith(f"render: {type(error).__name__}: ")
    assert guarded("write", raising(ValueError("never")), failed) is failed
