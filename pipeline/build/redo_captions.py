"""Asks again for the captions of a finished release that had no answer; nothing is rendered again."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.build.caption_setup import answer_files, refuse_unusable
from pipeline.build.finish import Finished, finish_release
from pipeline.build.lock import held
from pipeline.build.planning import BuildError
from pipeline.recipe import Recipe, load_release_recipe
from pipeline.release.layout import ANSWERS, METADATA, RECIPE, metadata_paths, read_release_json, read_table
from transforms import storage
from transforms.captions.answer_journal import AnswerDesk, Journal, Journals, read_answers
from transforms.captions.job import CaptionJob
from transforms.captions.openai_writer import OpenAIWriter
from transforms.captions.rewriting import TEMPLATE, rewrite
from transforms.records import Answer, Caption, CaptionRequest, reply_of_reason
from transforms.seeds import derive_seed
from transforms.shards import workspace
from transforms.shards.release_rows import ANSWER_SCHEMA, ROW_SCHEMA, answer_values
from transforms.shards.write_shard import table_to_parquet
from transforms.words import VOCABULARY, SpatialWords

#: Shards whose captions are asked for at the same time, so that all slots of the endpoint stay busy.
_SHARDS_AT_ONCE = 8
#: A caption: its row's id and its position among the row's captions.
CaptionKey = tuple[str, int]


@dataclass(frozen=True)
class Redone:
    """What asking again brought."""

    asked: int
    """Captions that had no answer."""
    rewritten: int
    """Those of them that a language model has written now."""
    finished: Finished | None
    """The release as it is now; None where there was nothing to ask."""


def redo_captions(release: str, settings: tuple[str, ...] = ()) -> Redone:
    """Asks again for each caption that the template wrote because the endpoint gave no answer, or the budget was spent.

    A caption whose answers were all refused by the check stays as it is. The release is then as a build with these
    answers makes it, digest included. A shard's table is replaced at once and release.json comes last, so the same
    command goes on after a kill.

    Args:
        release: the folder of a finished release.
        settings: `caption.KEY=VALUE` laid over the release's recipe, such as another address. An endpoint is asked only
            if its address is named here, or if the recipe names none and the provider's own is meant.

    Raises:
        BuildError, RecipeError, ReleaseError: when it cannot start.
        OSError: when a file cannot be read or written.
    """
    stated = read_release_json(release)
    recipe = _recipe_of(release, settings, str(stated.get("recipe_sha256")))
    refuse_unusable(recipe, None)
    job = recipe.caption_job(answer_files(release, None))
    try:
        with held(release):
            unanswered = _unanswered(release)
            # A redo that was killed before release.json was written has left answers.
            if not unanswered and not _new_answers(release):
                return Redone(0, 0, None)
            rewritten = _redo_shards(release, job, unanswered)
            _replace_answers(release)
            finished = finish_release(recipe, (), str(stated.get("input_sha256")), release)
        return Redone(len(unanswered), rewritten, finished)
    finally:
        if not _new_answers(release):
            # Nothing but the lock: the release is as it was.
            storage.remove_folder(storage.join(release, workspace.FOLDER))


def _recipe_of(release: str, settings: tuple[str, ...], recipe_sha256: str) -> Recipe:
    path = storage.join(release, RECIPE)
    own, recipe = load_release_recipe(path), load_release_recipe(path, settings)
    if recipe.caption.writer != "openai":
        raise BuildError(
            f"{release} was built with caption.writer={recipe.caption.writer}, which leaves nothing to ask"
        )
    if recipe.sha256() != recipe_sha256:
        raise BuildError(
            "redo keeps the recipe: --set takes caption.base_url, concurrency, timeout_s, and budgets alone"
        )
    named = any(setting.partition("=")[0].strip() == "caption.base_url" for setting in settings)
    if own.caption.base_url is not None and not named:
        # A release comes from anybody, and the key goes to the address.
        raise BuildError(
            f"name the endpoint that is to be asked: --set caption.base_url={own.caption.base_url} is the one in the "
            "release's recipe"
        )
    return recipe


def _unanswered(release: str) -> set[CaptionKey]:
    """The captions of answers.parquet that have a failed request, or one over the budget, and no kept text."""
    failed: set[CaptionKey] = set()
    answered: set[CaptionKey] = set()
    table = read_table(release, ANSWERS).select(["row_id", "caption_index", "reason", "kept"])
    for row_id, index, reason, kept in zip(*(column.to_pylist() for column in table.columns), strict=True):
        if kept:
            answered.add((row_id, index))
        elif not reply_of_reason(reason).is_answer:
            failed.add((row_id, index))
    return failed - answered


def _new_answers(release: str) -> list[str]:
    """The tables of answers that this redo, or one before it that was killed, has written."""
    folder = storage.join(release, workspace.FOLDER, "answers")
    return [storage.join(workspace.FOLDER, "answers", name) for name in storage.list_files(folder)]


def _redo_shards(release: str, job: CaptionJob, unanswered: set[CaptionKey]) -> int:
    """Asks for the captions, shard by shard, and replaces the tables; returns how many were rewritten."""
    writer = job.open_writer()
    assert isinstance(writer, OpenAIWriter)
    desk = AnswerDesk(read_answers(job.answers), Journals(workspace.journal_folder(release)))
    probed = False
    try:
        with ThreadPoolExecutor(_SHARDS_AT_ONCE) as threads:
            waiting = []
            for path in metadata_paths(release):
                rows = read_table(release, path).to_pylist()
                requests = _requests(rows, unanswered)
                if not requests:
                    continue
                if not probed:
                    _, problem = writer.probe(requests[0])
                    if problem is not None:
                        raise BuildError(f"{problem}; the release is as it was")
                    probed = True
                waiting.append(threads.submit(_redo_shard, release, path, rows, requests, job, writer, desk))
            return sum(future.result() for future in waiting)
    finally:
        writer.close()


def _requests(rows: list[dict[str, Any]], unanswered: set[CaptionKey]) -> list[CaptionRequest]:
    """The request of each caption of these rows that the template wrote and that has no answer, as a build makes it."""
    return [
        CaptionRequest(
            row["id"],
            index,
            original,
            SpatialWords(**{attribute: row[attribute] for attribute in VOCABULARY}),
            derive_seed(row["seed"], "caption", index),
        )
        for row in rows
        for index, original in enumerate(row["captions_original"])
        if (row["id"], index) in unanswered and row["caption_status"][index] == TEMPLATE
    ]


def _redo_shard(
    release: str,
    path: str,
    rows: list[dict[str, Any]],
    requests: list[CaptionRequest],
    job: CaptionJob,
    writer: OpenAIWriter,
    desk: AnswerDesk,
) -> int:
    """Rewrites the captions of one shard; its answers are on disk before its table is replaced."""
    shard = path.removesuffix(f"/{METADATA}")
    purse = job.purse()
    with Journal(workspace.journal_folder(release), shard.replace("/", "-", 1)) as journal:
        outcomes = rewrite(
            requests,
            writer,
            prompt_id=job.prompt_id or "",
            tries=job.tries,
            parameters=job.parameters(),
            ask=lambda questions, attempt: desk.ask(
                questions,
                attempt,
                lambda asked, number, arrived: writer.ask(asked, number, arrived, purse),
                journal,
            ),
        )
    captions: dict[CaptionKey, Caption] = {}
    given: list[Answer] = []
    for request, (caption, answers) in zip(requests, outcomes, strict=True):
        captions[(request.row_id, request.caption_index)] = caption
        given += answers
    answers_path = workspace.shard_file(release, "answers", shard)
    storage.write_bytes(answers_path, table_to_parquet([answer_values(answer) for answer in given], ANSWER_SCHEMA))
    changed = [_with_captions(row, captions) for row in rows]
    storage.write_bytes(storage.join(release, path), table_to_parquet(changed, ROW_SCHEMA))
    return sum(caption.status != TEMPLATE for caption in captions.values())


def _with_captions(row: dict[str, Any], captions: Mapping[CaptionKey, Caption]) -> dict[str, Any]:
    texts, status = list(row["captions"]), list(row["caption_status"])
    for index in range(len(texts)):
        caption = captions.get((row["id"], index))
        if caption is not None:
            texts[index], status[index] = caption.text, caption.status
    return {**row, "captions": texts, "caption_status": status}


def _replace_answers(release: str) -> None:
    """Removes the old answers of the captions that were asked again; `finish_release` adds the new ones."""
    asked: set[CaptionKey] = set()
    for name in _new_answers(release):
        table = read_table(release, name)
        asked |= set(zip(table["row_id"].to_pylist(), table["caption_index"].to_pylist(), strict=True))
    table = read_table(release, ANSWERS)
    keys = zip(table["row_id"].to_pylist(), table["caption_index"].to_pylist(), strict=True)
    kept = table.filter(pa.array([key not in asked for key in keys], pa.bool_()))
    storage.write_bytes(storage.join(release, ANSWERS), table_to_parquet(kept.to_pylist(), ANSWER_SCHEMA))


__all__ = ["Redone", "redo_captions"]
