"""Batches of a data set's samples in an order that is given, decoded here or by processes.

A place in training is two numbers, the epoch and how many batches of it are done; from there the same batches come,
with any number of workers, and each of several processes takes its own slice of every batch.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from model.data.dataset import ReleaseDataset
from model.data.order import Turn
from model.data.samples import Batch, Sample, collate
from model.errors import ReleaseUnreadable, WorkersLost, one_line

#: What the server that workers are forked off has imported: the model's own modules and, with them, PyTorch.
_PRELOADED = ["model.data"]


def load_batches(
    dataset: ReleaseDataset,
    order: Sequence[int | Turn],
    *,
    batch_size: int,
    workers: int = 0,
    drop_last: bool = False,
    start: int = 0,
    process: int = 0,
    processes: int = 1,
) -> Iterator[Batch]:
    """Batches of the rows in the order given.

    Args:
        order: rows, or their turns as ``ReleaseDataset.turns`` gives them.
        batch_size: of all processes together.
        workers: processes that decode; 0 decodes in this one. They are forked off a server that has no threads and no
            GPU, so a program's main module must be safe to import (``if __name__ == "__main__"``).
        drop_last: leave out a last batch that is short; needed where all processes must take the same number of steps.
        start: batches of this order that are done already.
        process, processes: which slice of every batch; slices differ by one row at most.

    Raises:
        ReleaseUnreadable: when a file of a batch cannot be used, or a worker has been killed.
    """
    batches = _slices(order, batch_size, drop_last=drop_last, start=start, process=process, processes=processes)
    context = None
    if workers:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
    loader = DataLoader(
        _Forwarding(dataset),
        # DataLoader knows lists of indices by the name of batch sampler.
        batch_sampler=batches,
        num_workers=min(workers, len(batches)),
        collate_fn=_collate,
        worker_init_fn=_single_threaded,
        multiprocessing_context=context if batches else None,
        # Without one of its own it would draw from the global generator.
        generator=torch.Generator().manual_seed(0),
    )
    try:
        for batch in loader:
            if isinstance(batch, ReleaseUnreadable):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        text = one_line(error)
        raise WorkersLost(f"a process that decodes was lost; less memory is used with fewer workers: {text}") from None


def _slices(
    order: Sequence[int | Turn], batch_size: int, *, drop_last: bool, start: int, process: int, processes: int
) -> list[list[int | Turn]]:
    """The rows of every batch that fall to a process; a batch without any is left out."""
    slices = []
    for first in range(start * batch_size, len(order), batch_size):
        rows = order[first : first + batch_size]
        if drop_last and len(rows) < batch_size:
            break
        slices.append(list(rows[len(rows) * process // processes : len(rows) * (process + 1) // processes]))
    return [rows for rows in slices if rows]


class _Forwarding(Dataset["Sample | ReleaseUnreadable"]):
    """A data set that returns its errors: raised in a worker they would come back wrapped in a traceback's text."""

    def __init__(self, dataset: ReleaseDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, row: int | Turn) -> Sample | ReleaseUnreadable:
        try:
            return self.dataset[row]
        except ReleaseUnreadable as error:
            return error


def _collate(items: Sequence[Sample | ReleaseUnreadable]) -> Batch | ReleaseUnreadable:
    samples = []
    for item in items:
        if isinstance(item, ReleaseUnreadable):
            return item
        samples.append(item)
    return collate(samples)


def _single_threaded(_: int) -> None:
    torch.set_num_threads(1)
