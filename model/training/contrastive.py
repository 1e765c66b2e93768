"""The gradient of a loss over a whole batch, of which only a part fits into memory, and a part lies in other processes.

A contrastive loss holds every clip against every caption of the batch, so the gradients of parts do not add up to that
of the whole. Gradients are cached instead: one pass without a graph gives what the model makes of every clip, the loss
and its gradient by each of those outputs are those of the whole batch, and a second pass, part by part, carries the
gradient on to the weights. Source: Gao et al., "Scaling deep contrastive learning batch size under memory limited
setup", 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    forward: Callable[[Chunk], Sequence[Tensor]],
    loss: Callable[[Sequence[Tensor]], dict[str, Tensor]],
    *,
    processes: Processes,
    shared: Sequence[nn.Parameter] = (),
    seed_of: Callable[[int], int],
) -> dict[str, Tensor]:
    """Adds the gradient of ``loss`` over the chunks of all processes to the parameters of ``model``, in every process.

    To rounding it is the gradient of one large batch. Batch norm is the exception: its mean and variance are a chunk's.

    Args:
        chunks: this process's, of equal size in all processes.
        forward: a chunk → tensors whose first dimension is its clips; called twice a chunk when there are several.
        loss: the tensors of the whole batch → terms, ``loss`` among them.
        shared: parameters that ``loss`` itself reads.
        seed_of: the place of a chunk → the seed of its random draws, which the second pass draws again.

    Returns:
        The terms, the same in every process, without gradient.
    """
    whole = len(chunks) == 1
    outputs: list[Sequence[Tensor]] = []
    with torch.set_grad_enabled(whole), _running_statistics(model, update=whole):
        for place, chunk in enumerate(chunks):
            torch.manual_seed(seed_of(place))
            outputs.append(forward(chunk))
    own = [torch.cat(list(parts)) for parts in zip(*outputs, strict=True)]
    leaves = [processes.gather(part).requires_grad_(part.is_floating_point()) for part in own]
    terms = loss(leaves)
    terms["loss"].backward()
    if not processes.is_first:
        # Every process has found the same gradient for these; it counts once.
        for parameter in shared:
            if parameter.grad is not None:
                parameter.grad.zero_()
    count = len(own[0])
    gradients = [
        None if leaf.grad is None else leaf.grad[processes.index * count : (processes.index + 1) * count]
        for leaf in leaves
    ]
    first = 0
    for place, chunk in enumerate(chunks):
        if whole:
            again = outputs[0]
        else:
            torch.manual_seed(seed_of(place))
            again = forward(chunk)
        last = first + len(again[0])
        pairs = [
            (output, gradient[first:last])
            for output, gradient in zip(again, gradients, strict=True)
            if gradient is not None and output.requires_grad
        ]
        torch.autograd.backward([output for output, _ in pairs], [gradient for _, gradient in pairs])
        first = last
    processes.sum_gradients(list(model.parameters()))
    return {name: value.detach() for name, value in terms.items()}


def chunk_size_of(share: int, at_most: int) -> int:
    """The size of a chunk: the largest that divides a process's share of a batch; the whole share for 0."""
    if not at_most or at_most >= share:
        return share
    return next(size for size in range(at_most, 0, -1) if share % size == 0)


@contextmanager
def _running_statistics(model: nn.Module, *, update: bool) -> Iterator[None]:
    """Batch norm's running means and variances stay as they are inside the block, unless told otherwise."""
    norms = [] if update else [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
