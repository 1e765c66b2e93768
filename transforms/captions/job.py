"""The settings of a caption job: the writer, its prompt and sampling, and the budget."""

from __future__ import annotations

from dataclasses import dataclass

from prompts import load_prompt
from transforms.captions.answer_budget import Ledger, Price, Purse
from transforms.captions.local_writer import LocalWriter
from transforms.captions.openai_writer import OpenAIWriter
from transforms.captions.rewriting import TEMPLATE, decimal_text
from transforms.captions.smollm import MODEL_NAME
from transforms.captions.writers import CaptionWriter

#: The model that the provider is asked for where a recipe names none.
DEFAULT_MODEL = "gpt-4o-mini"


@dataclass(frozen=True)
class CaptionJob:
    """Who rewrites and how it is asked; holds no key, so it may travel."""

    writer: str
    prompt: str
    tries: int = 4
    base_url: str | None = None
    model: str | None = None
    """None is the writer's own."""
    temperature: float | None = None
    """None is the prompt's own, as for max_tokens."""
    max_tokens: int | None = None
    concurrency: int = 16
    timeout_s: float = 60.0
    answers: tuple[str, ...] = ()
    """Addresses of answers.parquet files of earlier builds; a request that they answer is not asked again."""
    failures_stand: bool = False
    """True to take the failed requests of those files as they are, and not ask them again."""
    release: str | None = None
    """Where answers are written down as they come; None is nowhere."""
    run: str | None = None
    """The build's own name; a worker that outlives its build stops when the next one takes the release over."""
    on_failure: str = "template"
    max_requests: int | None = None
    """Of this machine's workers together where `ledger` is a file, else of each shard; as for max_cost_usd."""
    max_cost_usd: float | None = None
    price: Price | None = None
    ledger: str | None = None

    @property
    def model_name(self) -> str:
        """What `caption_model` says."""
        if self.writer == "template":
            return TEMPLATE
        return MODEL_NAME if self.writer == "local" else self.model or DEFAULT_MODEL

    @property
    def prompt_id(self) -> str | None:
        """What `caption_prompt` says; the template has no prompt."""
        return None if self.writer == "template" else load_prompt(self.prompt).id

    def sampling(self) -> tuple[float, int]:
        """Temperature and the most tokens of an answer: the recipe's, else the prompt's own."""
        own = load_prompt(self.prompt)
        temperature = own.temperature if self.temperature is None else self.temperature
        return temperature, self.max_tokens or own.max_tokens

    def parameters(self) -> dict[str, int | str]:
        """The sampling parameters as a request's hash takes them."""
        temperature, max_tokens = self.sampling()
        return {"temperature": decimal_text(temperature), "max_tokens": max_tokens}

    def purse(self) -> Purse | None:
        """What may be spent, of this machine or of the shard that takes it; None where nothing is bounded."""
        if self.max_requests is None and self.max_cost_usd is None:
            return None
        return Purse(Ledger(self.ledger, self.max_requests, self.max_cost_usd), self.price)

    def open_writer(self) -> CaptionWriter | None:
        """The writer, not yet connected or loaded; None for the template."""
        if self.writer == "template":
            return None
        prompt, (temperature, max_tokens) = load_prompt(self.prompt), self.sampling()
        if self.writer == "local":
            return LocalWriter(prompt, temperature, max_tokens)
        return OpenAIWriter(
            self.base_url, self.model_name, prompt, temperature, max_tokens, self.concurrency, self.timeout_s
        )
