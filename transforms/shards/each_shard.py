"""The bases of stages: a stage is a dataclass, and an error in one shard becomes its failure and stops no other."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.utils.windowed_value import WindowedValue

from transforms.errors import one_line
from transforms.records import Shard
from transforms.shards.current_work import noted_work

logger = logging.getLogger(__name__)

#: A disk that is full, over its quota or read-only would fail every shard: the build ends instead.
STOPPING_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def failure_of(stage: str, name: str, error: Exception) -> str:
    """The note of a failure: stage, kind of error and message on one line.

    Args:
        stage: the name of the stage.
        name: the shard or chunk of rooms that the exception broke.
        error: the exception.

    Raises:
        OSError: the error itself, if no further file can be written (STOPPING_ERRORS).
    """
    if isinstance(error, OSError) and error.errno in STOPPING_ERRORS:
        raise error
    logger.debug("%s failed in %s", name, stage, exc_info=error)
    return f"{stage}: {type(error).__name__}: {one_line(error)}"


def guarded(stage: str, function: Callable[[Shard], Shard], shard: Shard) -> Shard:
    """Calls `function(shard)`. An exception becomes the shard's failure; a shard that has failed is passed on.

    Raises:
        OSError: if no further file can be written (STOPPING_ERRORS).
    """
    if shard.failure is not None:
        return shard
    try:
        with noted_work(stage, shard.path):
            return function(shard)
    except Exception as error:
        return replace(shard, rows=(), failure=failure_of(stage, shard.path, error))


@dataclass
class Stage(beam.PTransform):
    """One step of the pipeline: a dataclass whose fields are its configuration.

    Beam sets attributes of its own on a transform, so a stage cannot be frozen. A field for something that a worker
    opens in `setup` (`init=False`) is None while the graph is built.
    """

    name: ClassVar[str]
    """The stage's name in Beam's graph, in failures, and in the notes of current work."""

    def setup(self) -> None:
        """Opens what the stage needs in a worker, before the first element."""

    def start_bundle(self) -> None:
        """Called before the first element of each bundle."""

    def process(self, element: Any) -> Iterable[Any]:
        """Turns one element into the elements that follow from it."""
        raise NotImplementedError

    def finish_bundle(self) -> Iterable[WindowedValue]:
        """Gives the elements that the stage still holds back at the end of a bundle."""
        return ()

    def teardown(self) -> None:
        """Closes what `setup` opened."""

    def count(self, name: str, amount: int = 1) -> None:
        """Adds to a Beam counter that runners show beside the stage's name; works only in the thread of a bundle."""
        Metrics.counter(self.name, name).inc(amount)

    def default_label(self) -> str:
        return self.name.capitalize()

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        return elements | beam.ParDo(_RunStage(self))


class _RunStage(beam.DoFn):
    """Runs a stage in a worker, which has a copy of it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def setup(self) -> None:
        self.stage.setup()

    def start_bundle(self) -> None:
        self.stage.start_bundle()

    def process(self, element: Any) -> Iterable[Any]:
        return self.stage.process(element)

    def finish_bundle(self) -> Iterable[WindowedValue]:
        return self.stage.finish_bundle()

    def teardown(self) -> None:
        self.stage.teardown()


@dataclass
class EachShard(Stage):
    """A stage that adds something to each shard; a subclass defines `apply`.

    It counts the rows that it passes on, the rejections by reason, and the shards that fail in it.
    """

    def apply(self, shard: Shard) -> Shard:
        """Returns the shard after this stage; an exception becomes the shard's failure."""
        raise NotImplementedError

    def process(self, element: Shard) -> Iterator[Shard]:
        shard = guarded(self.name, self.apply, element)
        self.count("rows", len(shard.rows))
        for rejection in shard.rejections[len(element.rejections) :]:
            self.count(f"rejected_{rejection.reason}")
        if shard.failure != element.failure:
            self.count("failed")
        yield shard
