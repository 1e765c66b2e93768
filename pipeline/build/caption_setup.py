"""The caption settings of a build: its writer, the answers that it knows, and the rest of its budget."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from pipeline.build.planning import BuildError
from pipeline.recipe import Recipe
from pipeline.release.layout import ANSWERS
from transforms import storage
from transforms.captions.answer_budget import Ledger, Spending
from transforms.captions.answer_journal import AnswersFile, AnswersUnreadable, Journals, KnownAnswers, read_answers
from transforms.captions.endpoint.address import ForeignAddress
from transforms.captions.endpoint.client import KEY_VARIABLE, unsendable_variable
from transforms.captions.job import CaptionJob
from transforms.captions.local_model import LocalModel, ModelError
from transforms.captions.writers import writer_unavailable_reason
from transforms.shards import workspace
from transforms.storage import folder_files
from transforms.storage.folder_files import FileIn


def refuse_unusable(recipe: Recipe, answers: AnswersFile | None) -> None:
    """Raises BuildError if writer or judge cannot start, the budget has no price, or `answers` is unreadable."""
    job = recipe.caption_job()
    reason = writer_unavailable_reason(job.writer, job.address, job.weights) or judge_unavailable_reason(job)
    # With known answers nothing may be left to ask. The first open question says so otherwise. But the SHA-256 of
    # given weights is a part of every question.
    if reason is not None and (answers is None or job.weights is not None):
        raise BuildError(reason)
    if job.writer == "local" and job.weights is not None:
        _refuse_damaged_weights(job.weights)
    if job.max_cost_usd is not None:
        paid = {job.model_name: job.price} if job.writer == "openai" else {}
        paid |= {job.judge_name: job.judge_price} if job.has_judge else {}
        for model, price in paid.items():
            if price is None:
                raise BuildError(f"recipe key caption.max_cost_usd: there is no price of {model} in caption.prices")
    refuse_unreadable(answers)


def _refuse_damaged_weights(weights: str) -> None:
    """Raises BuildError if llama.cpp cannot load the weights, so that no worker is the first to find out."""
    try:
        LocalModel(weights, context_tokens=256).close()
    except ModelError as error:
        raise BuildError(f"caption.weights={error}") from error


def refuse_unreadable(answers: AnswersFile | None) -> None:
    """Raises BuildError if the file of --answers cannot be read."""
    if answers is None:
        return
    try:
        read_answers([answers])
    except AnswersUnreadable as error:
        raise BuildError(f"--answers {error}") from error


def known_answers(files: Sequence[AnswersFile], *, failures_stand: bool = False) -> KnownAnswers:
    """The answers in these files, as `read_answers` returns them.

    Raises:
        BuildError: naming a file that cannot be read.
    """
    try:
        return read_answers(files, failures_stand=failures_stand)
    except AnswersUnreadable as error:
        raise BuildError(str(error)) from error


def judge_unavailable_reason(job: CaptionJob) -> str | None:
    """Why the judge cannot be asked from here, in one line; None if it can, or if there is none."""
    if not job.has_judge:
        return None
    if unsendable := unsendable_variable():
        return unsendable
    if isinstance(job.judge_address, ForeignAddress):
        return f"{job.judge_address} is not asked, because somebody else has named it; name caption.judge_base_url"
    if os.environ.get(KEY_VARIABLE) or job.judge_address.url:
        return None
    return f"caption.judge=model has no key in {KEY_VARIABLE}; set it, or name caption.judge_base_url"


def answer_files(output: str, answers: AnswersFile | None) -> tuple[AnswersFile, ...]:
    """Every answers.parquet that a build into `output` knows: of its shards, of the release, and the one given."""
    folder = workspace.folder_of(workspace.ANSWERS)
    here = storage.absolute(output)
    names = [f"{folder}/{name}" for name in folder_files.list_files(output, folder) if name.endswith(".parquet")]
    if folder_files.exists(output, ANSWERS):
        names.append(ANSWERS)
    given = storage.absolute(answers) if isinstance(answers, str) else answers
    return (*(FileIn(here, name) for name in names), *((given,) if given is not None else ()))


def job_of_build(
    recipe: Recipe, output: str, shards: int, answers: AnswersFile | None, *, answers_alone: bool
) -> CaptionJob:
    """The caption job of a build with so many shards to make; takes the release over from a build that was killed."""
    job = replace(
        recipe.caption_job(answer_files(output, answers)),
        answers_alone=answers_alone,
        release=storage.absolute(output),
        run=None if storage.is_remote(output) else workspace.begin_run(output),
    )
    if job.max_requests is None and job.max_cost_usd is None:
        return job
    spent = _spent(job, output)
    if not storage.is_remote(output):
        ledger = FileIn(storage.absolute(output), workspace.LEDGER)
        Ledger(ledger).begin(spent)
        return replace(job, ledger=ledger)
    # Workers elsewhere share no file, so each shard may spend an equal part of the rest.
    return replace(
        job,
        max_requests=None if job.max_requests is None else max(job.max_requests - spent.requests, 0) // shards,
        max_cost_usd=None if job.max_cost_usd is None else max(job.max_cost_usd - spent.usd, 0.0) / shards,
    )


def _spent(job: CaptionJob, output: str) -> Spending:
    """The requests and the cost of earlier builds, as their journals hold them."""
    known = KnownAnswers()
    Journals(output).refresh(known)
    replies = [reply for _, reply in known.items()]
    # A journal does not say whom an answer is from, so each counts at the dearer price.
    prices = [price for price in (job.price, job.judge_price if job.has_judge else None) if price is not None]
    usd = sum(
        max((price.usd(reply.prompt_tokens or 0, reply.completion_tokens or 0) for price in prices), default=0.0)
        for reply in replies
    )
    return Spending(len(replies), usd)
