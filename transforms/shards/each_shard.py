"""How a stage's function is applied to shards: what breaks one shard is kept on that shard and stops no other."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import replace

import apache_beam as beam

from transforms.records import Shard
from transforms.shards.current_work import in_hand

logger = logging.getLogger(__name__)

#: A disk that is full, over its quota or read-only breaks every shard alike: the build ends rather than fail each.
STOPPING_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def failure_of(stage: str, name: str, error: Exception) -> str:
    """What is noted of a piece of work, a shard or a chunk of rooms, that an exception broke.

    Raises:
        OSError: the error itself, when the disk takes nothing more (STOPPING_ERRORS).
    """
    if isinstance(error, OSError) and error.errno in STOPPING_ERRORS:
        raise error
    logger.debug("%s failed in %s", name, stage, exc_info=error)
    return f"{stage}: {type(error).__name__}: {' '.join(str(error).split()) or type(error).__name__}"


def guarded(stage: str, function: Callable[[Shard], Shard], shard: Shard) -> Shard:
    """`function(shard)`; an exception becomes the shard's failure, and a shard that has failed passes through.

    Raises:
        OSError: when the disk itself takes nothing more (STOPPING_ERRORS).
    """
    if shard.failure is not None:
        return shard
    try:
        with in_hand(stage, shard.path):
            return function(shard)
    except Exception as error:
        return replace(shard, rows=(), failure=failure_of(stage, shard.path, error))


class EachShard(beam.DoFn):
    """Applies a function from shard to shard; subclasses of PTransform name it."""

    def __init__(self, stage: str, function: Callable[[Shard], Shard]) -> None:
        self.stage = stage
        self.function = function

    def process(self, element: Shard) -> list[Shard]:
        return [guarded(self.stage, self.function, element)]
