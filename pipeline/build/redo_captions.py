"""Asks again for captions that had no answer, in a finished release or in the shards of a build; renders nothing."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.build.caption_setup import answer_files, job_of_build, known_answers, refuse_unusable
from pipeline.build.finish import Finished, finish_release
from pipeline.build.lock import refuse_if_locked, release_lock
from pipeline.build.planning import BuildError
from pipeline.build.probe_endpoint import keep_first_answers, probe_endpoints
from pipeline.recipe import Recipe, load_release_recipe
from pipeline.release.layout import ANSWERS, METADATA, metadata_paths, read_answers, read_table, stated_release
from pipeline.release.usable_rows import read_usable_rows, unaskable_row
from transforms.captions.answer_journal import Journals
from transforms.captions.endpoint.address import ADDRESS_VARIABLE
from transforms.captions.job import CaptionJob
from transforms.captions.questions import Questions
from transforms.captions.rewrite_captions import SharedWriter
from transforms.captions.rewriting import TEMPLATE, OpenQuestion, open_question
from transforms.captions.scenes.scene_text import scene_words_of_values
from transforms.captions.unanswered import Unanswered
from transforms.records import Answer, Caption, CaptionRequest, reply_of_reason
from transforms.shards import workspace
from transforms.shards.release_rows import ANSWER_SCHEMA, ROW_SCHEMA, answer_values, is_scene
from transforms.shards.write_shard import table_to_parquet
from transforms.storage import folder_files
from transforms.words import VOCABULARY, SpatialWords

#: Shards whose captions are asked for at the same time, so that all slots of the endpoint stay busy.
_SHARDS_AT_ONCE = 8
#: A caption: its row's id and its position among the row's captions.
CaptionKey = tuple[str, int]
#: Says of each caption whether it is to be asked for again.
IsWanted = Callable[[CaptionKey], bool]


@dataclass(frozen=True)
class Redone:
    """The outcome of asking again."""

    asked: int
    """Captions that had no answer."""
    rewritten: int
    """Captions among them that a language model has written now."""
    finished: Finished | None
    """The release as it is now; None if there was nothing to ask."""


def redo_captions(
    release: str, settings: tuple[str, ...] = (), watch: Callable[[int, int], None] = lambda done, of: None
) -> Redone:
    """Asks again for each caption that the template wrote because the endpoint gave no answer, or the budget was spent.

    A caption whose answers were all refused by the check stays as it is. The release is then as a build with these
    answers makes it, digest included. A shard's table is replaced at once and release.json comes last, so the same
    command goes on after a kill.

    Args:
        release: the folder of a finished release.
        settings: `caption.KEY=VALUE` laid over the release's recipe, such as another address. An endpoint is asked only
            if its address is named here or in OPENAI_BASE_URL, or if the recipe names none: then it is the provider's.
        watch: called with the number of captions that are done, and of all that had no answer.

    Raises:
        BuildError, RecipeError, ReleaseError: when it cannot start; the release is as it was.
        TableRefused: when a table holds no rows of a release.
        OSError: when a file cannot be read or written.
    """
    stated = stated_release(release)
    recipe = _recipe_of(release, settings, str(stated.recipe_sha256))
    refuse_unusable(recipe, None)
    refuse_if_locked(release)
    wanted = _unanswered(read_answers(release))
    shards = _shards_with(release, wanted)
    was_killed = workspace.is_being_redone(release)
    if not shards and not was_killed:
        return Redone(0, 0, None)
    job, replies = recipe.caption_job(answer_files(release, None)), {}
    question = _first_question(job, (_rows(release, shard) for shard in shards[:1]), wanted.__contains__)
    if question is not None:
        try:
            # Before anything of the release is touched.
            replies = probe_endpoints(job, question)
        except BuildError as error:
            raise BuildError(f"{error}; the release is as it was") from error
    with release_lock(release):
        job = job_of_build(recipe, release, max(len(shards), 1), None, answers_alone=False)
        keep_first_answers(release, replies)
        counts = _redo(
            release,
            job,
            shards,
            workspace.REDONE,
            wanted_in=lambda shard: wanted.__contains__,
            watch=lambda done: watch(done, len(wanted)),
        )
        merge_redone(release)
        finished = finish_release(
            recipe,
            (),
            str(stated.input_sha256),
            release,
            # The samples are those of the versions that rendered them.
            stated_versions=stated.versions or None,
        )
    return Redone(sum(asked for asked, _ in counts), sum(rewritten for _, rewritten in counts), finished)


def ask_again(release: str, job: CaptionJob, notes: Sequence[Unanswered]) -> None:
    """Asks again for the captions without an answer in shards that an unfinished build has noted."""

    def wanted_in(shard: str) -> IsWanted:
        name = workspace.shard_file(workspace.ANSWERS, shard)
        return _unanswered(_answers(release, name), over_budget=False).__contains__

    _redo(release, job, [note.shard for note in notes], workspace.ANSWERS, wanted_in)


def first_noted_question(release: str, job: CaptionJob, notes: Iterable[Unanswered]) -> OpenQuestion | None:
    """The first open question of the noted shards; None if none of them holds a caption without an answer."""
    for note in notes:
        answers = _answers(release, workspace.shard_file(workspace.ANSWERS, note.shard))
        wanted = _unanswered(answers, over_budget=False)
        question = _first_question(job, [_rows(release, note.shard)], wanted.__contains__)
        if question is not None:
            return question
    return None


def _first_question(
    job: CaptionJob, shards: Iterable[Sequence[Mapping[str, Any]]], is_wanted: IsWanted
) -> OpenQuestion | None:
    """The first question without a known answer in the rows of these shards."""
    questions = job.questions()
    known = known_answers(job.answers)
    if job.release is not None:
        Journals(job.release).refresh(known)
    for rows in shards:
        for request in _requests(rows, questions, is_wanted):
            question = open_question(request, known.get, questions)
            if question is not None:
                return question
    return None


def merge_redone(release: str) -> None:
    """Puts the answers of a redo in the place of those that the same captions had in answers.parquet."""
    folder = workspace.folder_of(workspace.REDONE)
    names = folder_files.list_files(release, folder)
    if not names:
        return
    new = pa.concat_tables([_answers(release, f"{folder}/{name}") for name in names])
    replaced = set(_keys(new))
    old = read_answers(release)
    kept = old.filter(pa.array([key not in replaced for key in _keys(old)], pa.bool_()))
    buffer = io.BytesIO()
    pq.write_table(pa.concat_tables([kept, new]), buffer, compression="zstd")
    # The folder stays until release.json is written: it says that a redo is not done yet.
    folder_files.write_bytes(release, ANSWERS, buffer.getvalue())


def _recipe_of(release: str, settings: tuple[str, ...], recipe_sha256: str) -> Recipe:
    own, recipe = load_release_recipe(release), load_release_recipe(release, settings)
    if own.caption.writer != "openai" and own.caption.judge == "none":
        raise BuildError(f"{release} was built with caption.writer={own.caption.writer}, which leaves nothing to ask")
    if recipe.sha256() != recipe_sha256:
        raise BuildError(
            "redo keeps the recipe: --set takes caption.base_url, concurrency, timeout_s, prices and budgets alone"
        )
    named = {setting.partition("=")[0].strip() for setting in settings}
    for key in ("base_url", "judge_base_url"):
        address = getattr(own.caption, key)
        is_asked = own.caption.judge != "none" if key == "judge_base_url" else own.caption.writer == "openai"
        is_named = f"caption.{key}" in named or os.environ.get(ADDRESS_VARIABLE)
        if is_asked and address is not None and not is_named:
            # A release comes from anybody, and the key goes to the address.
            raise BuildError(
                f"name the endpoint that is to be asked: --set caption.{key}={address} is the one in the "
                "release's recipe"
            )
    return recipe.asking_the_environment()


def _unanswered(answers: pa.Table, *, over_budget: bool = True) -> set[CaptionKey]:
    """The captions that have a failed request, or perhaps one over the budget, and no kept text."""
    failed: set[CaptionKey] = set()
    kept: set[CaptionKey] = set()
    reasons, are_kept = answers["reason"].to_pylist(), answers["kept"].to_pylist()
    for key, reason, is_kept in zip(_keys(answers), reasons, are_kept, strict=True):
        reply = reply_of_reason(reason)
        if is_kept:
            kept.add(key)
        elif reply.is_failure or (over_budget and not reply.is_answer):
            failed.add(key)
    return failed - kept


def _keys(answers: pa.Table) -> Iterable[CaptionKey]:
    return zip(answers["row_id"].to_pylist(), answers["caption_index"].to_pylist(), strict=True)


def _answers(release: str, name: str) -> pa.Table:
    if not folder_files.exists(release, name):
        return ANSWER_SCHEMA.empty_table()
    return read_answers(release, name)


def _rows(release: str, shard: str) -> list[dict[str, Any]]:
    return read_usable_rows(release, f"{shard}/{METADATA}", refuse=unaskable_row)


def _shards_with(release: str, wanted: set[CaptionKey]) -> list[str]:
    """The shards that hold a caption of the template's among these."""
    if not wanted:
        return []
    ids = {row_id for row_id, _ in wanted}
    found = []
    for path in metadata_paths(release):
        rows = read_table(release, path, ["id", "caption_status"], ROW_SCHEMA).to_pylist()
        if any(row["id"] in ids and TEMPLATE in (row["caption_status"] or ()) for row in rows):
            found.append(path.removesuffix(f"/{METADATA}"))
    return found


def _requests(rows: Iterable[Mapping[str, Any]], questions: Questions, is_wanted: IsWanted) -> list[CaptionRequest]:
    """The request of each caption that the template wrote and that is wanted, as a build makes it."""
    return [
        request
        for row in rows
        for request in _requests_of(row, questions)
        if row["caption_status"][request.caption_index] == TEMPLATE and is_wanted((row["id"], request.caption_index))
    ]


def _requests_of(row: Mapping[str, Any], questions: Questions) -> list[CaptionRequest]:
    originals = row["captions_original"][:: questions.versions]
    if is_scene(row):
        scenes = [scene_words_of_values(row, number) for number in range(len(originals))]
        return questions.of_scene(row["id"], row["seed"], scenes)
    words = SpatialWords(**{attribute: row[attribute] for attribute in VOCABULARY})
    return questions.of_row(row["id"], row["seed"], originals, words)


def _redo(
    release: str,
    job: CaptionJob,
    shards: Sequence[str],
    kind: str,
    wanted_in: Callable[[str], IsWanted],
    watch: Callable[[int], None] = lambda done: None,
) -> list[tuple[int, int]]:
    """Asks for the captions, some shards at a time; the number of captions asked for and rewritten, by shard."""
    shared = SharedWriter(job)
    counts = []
    try:
        with ThreadPoolExecutor(_SHARDS_AT_ONCE) as threads:
            waiting = [threads.submit(_redo_shard, release, one, kind, wanted_in(one), shared) for one in shards]
            for future in waiting:
                counts.append(future.result())
                watch(sum(asked for asked, _ in counts))
    finally:
        shared.close()
    return counts


def _redo_shard(release: str, shard: str, kind: str, is_wanted: IsWanted, shared: SharedWriter) -> tuple[int, int]:
    """Rewrites the captions of one shard; its answers are on disk before its table is replaced."""
    name = workspace.shard_file(kind, shard)
    before, rows = _answers(release, name), _rows(release, shard)
    # A kill between the two files leaves a kept answer for a caption that is still the template's.
    written = {key for key, kept in zip(_keys(before), before["kept"].to_pylist(), strict=True) if kept}
    requests = _requests(rows, shared.questions, lambda key: is_wanted(key) or key in written)
    outcomes = shared.answer(requests, shard.replace("/", "-", 1))
    captions: dict[CaptionKey, Caption] = {}
    given: list[Answer] = []
    for request, (caption, answers) in zip(requests, outcomes, strict=True):
        captions[(request.row_id, request.caption_index)] = caption
        given += answers
    if requests:
        others = before.filter(pa.array([key not in captions for key in _keys(before)], pa.bool_()))
        records = [*others.to_pylist(), *(answer_values(answer) for answer in given)]
        folder_files.write_bytes(release, name, table_to_parquet(records, ANSWER_SCHEMA))
        changed = [_with_captions(row, captions) for row in rows]
        folder_files.write_bytes(release, f"{shard}/{METADATA}", table_to_parquet(changed, ROW_SCHEMA))
    if kind == workspace.ANSWERS:
        shared.note(shard, [answers for _, answers in outcomes])
    return len(requests), sum(caption.status != TEMPLATE for caption in captions.values())


def _with_captions(row: dict[str, Any], captions: Mapping[CaptionKey, Caption]) -> dict[str, Any]:
    texts, status = list(row["captions"]), list(row["caption_status"])
    for index in range(len(texts)):
        caption = captions.get((row["id"], index))
        if caption is not None:
            texts[index], status[index] = caption.text, caption.status
    return {**row, "captions": texts, "caption_status": status}


__all__ = ["Redone", "ask_again", "first_noted_question", "merge_redone", "redo_captions"]
