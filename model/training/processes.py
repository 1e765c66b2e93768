"""The processes that train together, on one machine or several, as ``accelerate launch`` starts them.

Every process holds the whole model and a share of each batch. There is no wrapper round the model: a clip may go
through it twice a step (contrastive.py), so gradients are summed once, when all of them are there.
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
    """This process among the others. Alone, nothing here does anything.

    Attributes:
        count, index: how many, and which one this is, from 0.
        device: where this one computes.
    """

    def __init__(self, device: str = "auto") -> None:
        self.count, self.index = 1, 0
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import PartialState

            # Told of no CPU, it would take each process of a machine without a GPU for one that is alone.
            state = PartialState(cpu=device_of(device).type == "cpu")
            self.count, self.index, self.device = state.num_processes, state.process_index, state.device
        else:
            self.device = device_of(device)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.index == 0

    def share(self, rows: Sequence[Row]) -> Sequence[Row]:
        """This process's part of rows whose number the processes divide; ``gather`` puts the parts in order again."""
        size = len(rows) // self.count
        return rows[self.index * size : (self.index + 1) * size]

    def gather(self, part: Tensor) -> Tensor:
        """(n, …) of every process, all of one shape → (count · n, …), without gradient."""
        if self.count == 1:
            return part.detach()
        from accelerate.utils import gather

        whole: Tensor = gather(part.detach().contiguous())
        return whole

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Every gradient becomes its sum over the processes."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            return
        # One message, not one a tensor.
        summed: Tensor = reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="sum")
        for gradient, total in zip(gradients, summed.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self.gather(torch.tensor([float(flag)], device=self.device)).sum() > 0) if self.count > 1 else flag

    def same_weights(self, model: nn.Module) -> None:
        """The first process's weights and buffers in all of them."""
        if self.count == 1:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in [*model.parameters(), *model.buffers()]:
                tensor.copy_(broadcast(tensor.detach().clone()))

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The block runs in the first process, then in the others, which find what it has left."""
        if not self.is_first:
            self.wait()
        try:
            yield
        finally:
            # Also after an error, which the others then meet themselves: they would wait for ever.
            if self.is_first:
                self.wait()

    def leave(self) -> None:
        """Ends the group, at the end of the work."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()
