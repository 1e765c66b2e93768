"""How a stage's function is applied to shards: what breaks one shard is kept on that shard and stops no other."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import replace

import apache_beam as beam

from transforms.in_hand import in_hand
from transforms.records import Shard

logger = logging.getLogger(__name__)

#: A disk that is full, over its quota or read-only breaks every shard alike: the build ends rather than fail each.
STOPPING_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


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
        if isinstance(error, OSError) and error.errno in STOPPING_ERRORS:
            raise
        logger.debug("%s failed in %s", shard.path, stage, exc_info=True)
        message = " ".join(str(error).split()) or type(error).__name__
        return replace(shard, rows=(), failure=f"{stage}: {type(error).__name__}: {message}")


class EachShard(beam.DoFn):
    """Applies a function from shard to shard; subclasses of PTransform name it."""

    def __init__(self, stage: str, function: Callable[[Shard], Shard]) -> None:
        self.stage = stage
        self.function = function

    def process(self, element: Shard) -> list[Shard]:
        return [guarded(self.stage, self.function, element)]
