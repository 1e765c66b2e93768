"""What breaks one shard stays on it; what breaks the disk ends the build."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.records import Shard
from transforms.shards.each_shard import EachShard, Stage, guarded

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


@dataclass
class NumberShards(EachShard):
    """Gives each shard the stage's own index; refuses the split that it is told to."""

    name: ClassVar[str] = "number shards"
    index: int
    refused: str

    def apply(self, shard: Shard) -> Shard:
        if shard.split == self.refused:
            raise ValueError(f"no shard of {shard.split}")
        return Shard(shard.split, self.index, 9)


@dataclass
class HoldBack(Stage):
    """Gives the paths of a bundle's shards when the bundle ends."""

    name: ClassVar[str] = "hold back"
    _held: list[str] | None = field(default=None, init=False)

    def setup(self) -> None:
        assert self._held is None

    def start_bundle(self) -> None:
        self._held = []

    def process(self, element: Shard) -> Iterator[str]:
        assert self._held is not None
        self._held.append(f"{element.path} {element.failure}")
        yield from ()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for path in self._held or ():
            yield WindowedValue(path, GlobalWindow().max_timestamp(), (GlobalWindow(),))


def test_a_stage_is_its_fields_and_is_called_by_its_name_in_the_graph() -> None:
    stage = NumberShards(3, refused="test")
    assert stage == NumberShards(index=3, refused="test")
    assert str(stage)
    assert repr(stage) == "NumberShards(index=3, refused='test')"
    pipeline = beam.Pipeline(runner="FnApiRunner", options=PipelineOptions([]))
    paths = pipeline | beam.Create([SHARD, Shard("test", 0, 1)]) | stage | HoldBack()
    assert_that(
        paths,
        equal_to(["train/00003-of-00009 None", "test/00000-of-00001 number shards: ValueError: no shard of test"]),
    )
    labels = {part.full_label for part in pipeline.transforms_stack[0].parts}
    assert {"Number shards", "Hold back"} <= labels
    pipeline.run().wait_until_finish()
