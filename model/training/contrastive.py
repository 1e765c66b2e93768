"""The gradient of a loss over a whole batch that does not fit into memory, or is spread over several processes.

A contrastive loss compares every clip with every caption of the batch, so the gradients of its parts do not add up to
the gradient of the whole. Gradients are cached instead. A first pass without a graph computes the outputs of every
clip. The loss of the whole batch and its gradient by each output follow. A second pass, chunk by chunk, carries this
gradient on to the weights. Source: Gao et al., "Scaling deep contrastive learning batch size under memory limited
setup", 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from model.training.processes import Processes

Chunk = TypeVar("Chunk")


def batch_gradients(
    model: nn.Module,
    chunks: Sequence[Chunk],
    forward: Callable[[Chunk], Mapping[str, Tensor]],
    loss: Callable[[Mapping[str, Tensor]], dict[str, Tensor]],
    *,
    processes: Processes,
    shared: Sequence[nn.Parameter] = (),
    seed_of: Callable[[int], int],
) -> dict[str, Tensor]:
    """Adds the gradient of ``loss`` over the chunks of all processes to the parameters of ``model``, in every process.

    Except for rounding, it is the gradient of one large batch. Batch norm differs: it uses the mean and variance of a
    chunk.

    Args:
        model: has the parameters.
        chunks: of this process, of equal size in all processes.
        forward: makes named tensors over the clips of a chunk. With several chunks, it is called twice for each.
        loss: makes the terms of the loss, among them ``loss``, from the tensors of the whole batch.
        processes: the processes that share the batch.
        shared: parameters that ``loss`` itself reads.
        seed_of: gives the seed of a chunk's random draws by its index, so that the second pass draws the same.

    Returns:
        The terms, equal in every process, without gradient.
    """
    whole = len(chunks) == 1
    outputs: list[Mapping[str, Tensor]] = []
    with torch.set_grad_enabled(whole), _running_statistics(model, update=whole):
        for index, chunk in enumerate(chunks):
            torch.manual_seed(seed_of(index))
            outputs.append(forward(chunk))
    own = {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}
    leaves = {name: processes.gather(part).requires_grad_(part.is_floating_point()) for name, part in own.items()}
    terms = loss(leaves)
    terms["loss"].backward()
    if not processes.is_first:
        # Every process has computed the same gradient for these, and it must count once.
        for parameter in shared:
            if parameter.grad is not None:
                parameter.grad.zero_()
    count = len(next(iter(own.values())))
    first = processes.index * count
    gradients = {name: leaf.grad[first : first + count] for name, leaf in leaves.items() if leaf.grad is not None}
    begin = 0
    for index, chunk in enumerate(chunks):
        if whole:
            again = outputs[0]
        else:
            torch.manual_seed(seed_of(index))
            again = forward(chunk)
        end = begin + len(next(iter(again.values())))
        pairs = [
            (output, gradients[name][begin:end])
            for name, output in again.items()
            if name in gradients and output.requires_grad
        ]
        torch.autograd.backward([output for output, _ in pairs], [gradient for _, gradient in pairs])
        begin = end
    processes.sum_gradients(list(model.parameters()))
    return {name: value.detach() for name, value in terms.items()}


def chunk_size_of(share: int, largest: int) -> int:
    """The size of chunks: the largest divisor of a process's share of a batch up to ``largest``; for 0, the share."""
    if not largest or largest >= share:
        return share
    return next(size for size in range(largest, 0, -1) if share % size == 0)


@contextmanager
def _running_statistics(model: nn.Module, *, update: bool) -> Iterator[None]:
    """Inside the block, batch norm's running means and variances change only with ``update``."""
    norms = [] if update else [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
