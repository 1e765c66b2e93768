"""The processes that train together, on one machine or several, as ``accelerate launch`` starts them.

Every process holds the whole model and a share of each batch. The model has no wrapper, because a clip may pass through
it twice a step (see contrastive.py). Gradients are summed once, when they are complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from model.devices import device_of

Row = TypeVar("Row")


class Processes:
    """This process and the others. If it is alone, the methods do nothing.

    Args:
        device: ``cpu``, ``cuda`` or ``auto``.

    Attributes:
        count: number of processes.
        index: of this process, from 0.
        device: of this process.
    """

    def __init__(self, device: str = "auto") -> None:
        self.count, self.index = 1, 0
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import PartialState

            # Without this argument, it takes each process of a machine without a GPU for a single one.
            state = PartialState(cpu=device_of(device).type == "cpu")
            self.count, self.index, self.device = state.num_processes, state.process_index, state.device
        else:
            self.device = device_of(device)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.index == 0

    def share(self, rows: Sequence[Row]) -> Sequence[Row]:
        """This process's part of rows, a multiple of ``count`` in number. ``gather`` restores their order."""
        size = len(rows) // self.count
        return rows[self.index * size : (self.index + 1) * size]

    def gather(self, part: Tensor) -> Tensor:
        """Concatenates tensors (n, …) of all processes, all of one shape: (count · n, …), without gradient."""
        if self.count == 1:
            return part.detach()
        from accelerate.utils import gather

        whole: Tensor = gather(part.detach().contiguous())
        return whole

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replaces every gradient by its sum over the processes."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            return
        # One message for all tensors.
        summed: Tensor = reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="sum")
        for gradient, total in zip(gradients, summed.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self.gather(torch.tensor([float(flag)], device=self.device)).sum() > 0) if self.count > 1 else flag

    def same_weights(self, model: nn.Module) -> None:
        """Copies the weights and buffers of the first process to all others."""
        if self.count == 1:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in [*model.parameters(), *model.buffers()]:
                tensor.copy_(broadcast(tensor.detach().clone()))

    def wait(self) -> None:
        """Waits until all processes have called this."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Runs the block in the first process, then in the others, which find what the first has written."""
        if not self.is_first:
            self.wait()
        try:
            yield
        finally:
            # Also after an error, or the others would wait forever.
            if self.is_first:
                self.wait()

    def leave(self) -> None:
        """Ends the group of processes."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()
