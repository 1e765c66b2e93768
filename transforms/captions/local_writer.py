"""The writer that runs a language model in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prompts import Prompt
from transforms.captions.answer_budget import Budget
from transforms.captions.local_model import LocalModel, ModelError, QuestionTooLong, loaded_model, model_name
from transforms.captions.writers import Arrived, WriterUnavailable, writer_unavailable_reason
from transforms.records import CaptionRequest, Reply, ReplyKind
from transforms.seeds import derive_seed

# A small model writes a sentence or two. A longer caption would only fill its context and fail the check.
_LONGEST_CAPTION_CHARS = 600


class LocalWriter:
    """A model on this machine's processor, without network: SmolLM2-135M-Instruct, or the GGUF file `weights`.

    The first attempt takes the likeliest words. Later ones draw at the prompt's temperature, each from its own seed. It
    writes no captions of scenes: their requests are refused with ReplyKind.NO_SCENES.
    """

    name = "local"

    def __init__(self, prompts: Mapping[str, Prompt], *, weights: str | None = None, threads: int = 1):
        self.prompts = dict(prompts)
        self.weights = weights
        self.threads = threads
        self.model = local_model_name(weights)
        self._closings = 0

    def ask(
        self,
        requests: Sequence[CaptionRequest],
        attempt: int,
        arrived: Arrived | None = None,
        budget: Budget | None = None,
    ) -> list[Reply]:
        reason = writer_unavailable_reason("local", weights=self.weights)
        if reason:
            raise WriterUnavailable(reason)
        closings = self._closings
        # A small model exchanges the places of the sounds of a scene; the template writes their captions.
        replies = {
            index: Reply(error=ReplyKind.NO_SCENES.value)
            for index, request in enumerate(requests)
            if request.scene is not None
        }
        for index, reply in replies.items():
            if arrived is not None:
                arrived(index, reply)
        chats = {
            index: self._chat(request, request.caption)
            for index, request in enumerate(requests)
            if request.scene is None
        }
        # Questions that begin alike follow each other, because the model reads again only where they differ.
        for index in sorted(chats, key=lambda index: ([turn["content"] for turn in chats[index]], index)):
            if self._closings != closings:
                replies[index] = Reply(error="closed")
            else:
                replies[index] = self._answer(requests[index], chats[index], attempt)
            if arrived is not None:
                arrived(index, replies[index])
        return [replies[index] for index in range(len(requests))]

    def close(self) -> None:
        """Ends `ask` after the caption that is being written. The model stays loaded for the next shard."""
        self._closings += 1

    def _chat(self, request: CaptionRequest, caption: str) -> list[dict[str, str]]:
        prompt, caption, words = self.prompts[request.prompt], _harmless(caption), request.words.present()
        start = prompt.start_of_answer(caption, words)
        return prompt.messages(caption, words) + ([{"role": "assistant", "content": start}] if start else [])

    def _answer(self, request: CaptionRequest, chat: list[dict[str, str]], attempt: int) -> Reply:
        prompt = self.prompts[request.prompt]
        temperature = prompt.temperature if attempt else 0.0
        seed = derive_seed(request.question_seed, attempt)
        try:
            model = loaded_model(self.weights, self.threads)
            try:
                text, read, written = model.answer(chat, seed, temperature=temperature, max_tokens=prompt.max_tokens)
            except QuestionTooLong as error:
                self._refuse_prompt_without_room(model, request, error)
                return Reply(error=f"refusal: {error}")
        except ModelError as error:
            raise WriterUnavailable(_unavailable(error)) from error
        return Reply(text, prompt_tokens=read, completion_tokens=written)

    def _refuse_prompt_without_room(self, model: LocalModel, request: CaptionRequest, error: QuestionTooLong) -> None:
        """Raises ModelError if the context is too small for the prompt itself, and not only for this caption."""
        try:
            model.answer(self._chat(request, "A dog barks"), 0, temperature=0.0, max_tokens=1)
        except QuestionTooLong:
            raise ModelError(f"{model.path} has no room for the prompt {request.prompt}: {error}") from error


def local_model_name(weights: str | None) -> str:
    """The value of the column `caption_model` for this writer.

    Raises:
        WriterUnavailable: when the file of weights cannot be read.
    """
    try:
        return model_name(weights)
    except ModelError as error:
        raise WriterUnavailable(_unavailable(error)) from error


def _unavailable(error: ModelError) -> str:
    return f"writer 'local': {error}; or use caption.writer=openai or caption.writer=template"


def _harmless(caption: str) -> str:
    """A caption of bearable length in which no mark of a chat template, such as <|im_end|> or [INST], is whole."""
    return caption[:_LONGEST_CAPTION_CHARS].replace("<", "< ").replace("[", "[ ")
