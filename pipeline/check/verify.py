"""Verifies a release: everything that it states is compared with its files, on all cores."""

from __future__ import annotations

import heapq
import math
import multiprocessing
import os
import re
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from pipeline.beam_options import available_cores
from pipeline.check.check_shard import (
    CaptionKey,
    DoubtedCaption,
    ShardChecker,
    ShardFindings,
    answer_hashes,
    caption_hashes,
    most_rows,
)
from pipeline.check.findings import Findings
from pipeline.check.rerender import Rerenderer, rerender_order
from pipeline.check.row_progress import RowProgress
from pipeline.recipe import Recipe, RecipeError, load_release_recipe
from pipeline.release.answer_counts import AnswerCounter, answer_counter
from pipeline.release.layout import (
    ANSWERS,
    ATTRIBUTION,
    RECIPE,
    REJECTED,
    RELEASE_JSON,
    REPORT_FOLDER,
    ROOMS,
    ROOT_FILES,
    DigestBuilder,
    metadata_paths,
    read_release_json,
    read_rows,
    sha256_of,
)
from pipeline.release.release_json import RELEASE_FORMAT, SEAL, VARIETY, release_json, seal, versions
from pipeline.release.totals import ShardTally, sum_tallies
from transforms.bounds.limits import MOST_ROWS_OF_A_SHARD, MOST_TEXT_BYTES
from transforms.bounds.parquet_tables import TableRefused, most_file_bytes, open_table
from transforms.captions.variety import caption_variety
from transforms.errors import one_line, reason_of
from transforms.records import SPLITS
from transforms.shards import workspace
from transforms.shards.release_rows import (
    ANSWER_SCHEMA,
    OLDER_ANSWER_SCHEMA,
    OLDER_ROOM_SCHEMA,
    REJECTION_SCHEMA,
    ROOM_SCHEMA,
    as_answers,
)
from transforms.storage import folder_files

#: From this number of rows on, processes are worth the seconds that they take to start.
PROCESSES_FROM_ROWS = 2_000
#: Shards that are queued for each core, so that no core waits and few findings are kept in memory.
_AHEAD = 2
_SHARD = re.compile(rf"(?P<split>{'|'.join(SPLITS)})/(?P<index>[0-9]{{5,9}})-of-(?P<count>[0-9]{{5,9}})")


def verify(release: Path, *, screen: TextIO | None = None, processes: bool | None = None) -> Findings:
    """Checks every file, row and sample of a local release.

    Progress goes to `screen`. `processes` decides whether shards are checked in processes or in threads; None takes
    what is faster for so many rows. The lines are in the order of the release either way.

    Raises:
        ReleaseError: when the folder holds no readable release.json.
    """
    stated = read_release_json(str(release))
    findings = Findings()
    recipe = _recipe(release, findings)
    shards, problems = stated_shards(stated)
    findings.add(problems)
    if _is_being_redone(release):
        findings.add([f"{release}: captions are being asked again: elsa captions redo {release} goes on"])
    table_rows = _stated_rows(stated, shards)
    findings.add(_check_files(release, stated, table_rows))
    tables = _check_tables(release, recipe, table_rows, findings)
    rows = sum(shard["rows"] for shard in shards)
    fully = _stated(stated, "versions").get("elsa-spatial-audio") == versions()["elsa-spatial-audio"]
    if processes is None:
        processes = rows >= PROCESSES_FROM_ROWS
    digest = DigestBuilder()

    def tallies() -> Iterator[ShardTally]:
        with RowProgress("verify", rows, screen or sys.stderr) as progress:
            for shard, found in zip(shards, _check_shards(release, shards, fully, processes), strict=True):
                findings.add(found.problems)
                findings.add(tables.compare(found.captions))
                findings.add(tables.judge(found.doubted))
                findings.bytes += found.bytes
                progress.add(shard["rows"])
                if found.tally is not None:
                    digest.add_entries(found.tally.entries)
                    yield found.tally

    totals = sum_tallies(tallies())
    findings.rows, findings.digest = totals.row_count, totals.digest
    findings.add([f"row {name}: more than one row has this id" for name in digest.repeated_ids()])
    if recipe is not None:
        variety = _stated(stated, VARIETY) if VARIETY in stated else None
        if variety is not None and fully:
            # Another version of the tool may find other phrases in the same captions.
            variety = caption_variety(totals.samples)
        expected = release_json(
            recipe,
            totals,
            input_sha256=stated.get("input_sha256", ""),
            rejected=tables.rejected,
            rooms=tables.rooms,
            answers=tables.answers.counts() if tables.answers is not None else {},
            variety=variety,
            rendered_by=_stated(stated, "versions"),
            files=_stated(stated, "files"),
        )
        findings.add(_compare(stated, {**expected, "versions": stated.get("versions")}))
    elif findings.digest != stated.get("digest"):
        findings.add([f"{RELEASE_JSON}: digest is {stated.get('digest')}, the rows give {findings.digest}"])
    if stated.get(SEAL) != seal(stated):
        findings.add([f"{RELEASE_JSON}: was edited, its {SEAL} is not that of what it states"])
    findings.add(_extra(release, {shard["path"] for shard in shards}))
    return findings


def rerender_rows(release: str, input_dir: str, count: int, findings: Findings, settings: Sequence[str] = ()) -> None:
    """Renders `count` rows again from their metadata, on all cores, and adds the differences to the findings.

    `settings` say where files of the user's own are (pipeline.sections.own_files).

    Raises:
        RecipeError, SourceUnusable: when the release's recipe or the input cannot be read.
    """
    recipe = load_release_recipe(release, settings)
    rerenderer = Rerenderer(recipe, recipe.list_input(input_dir).clips)
    rows = heapq.nsmallest(count, read_rows(release, metadata_paths(release)), key=rerender_order)
    with ThreadPoolExecutor(available_cores()) as threads:
        for result in threads.map(rerenderer.rerender, rows):
            findings.rerendered += 1
            if result.problem is not None:
                findings.add([f"row {result.id}: {result.problem}"])


def _is_being_redone(release: Path) -> bool:
    try:
        return workspace.is_being_redone(str(release))
    except OSError:
        # A workspace that is a link is named with all that is not part of a release.
        return False


def _recipe(release: Path, findings: Findings) -> Recipe | None:
    try:
        return load_release_recipe(str(release))
    except RecipeError as error:
        findings.add([f"{RECIPE}: {one_line(error)}"])
        return None


def _stated(stated: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = stated.get(key)
    return value if isinstance(value, dict) else {}


def stated_shards(stated: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The shards in release.json that can be checked, and the problems of the list itself."""
    usable, problems = [], []
    named: dict[tuple[str, int], set[int]] = {}
    listed = stated.get("shards")
    for shard in listed if isinstance(listed, list) else ():
        values = shard if isinstance(shard, dict) else {}
        name = _SHARD.fullmatch(str(values.get("path")))
        hashed = isinstance(values.get("metadata_sha256"), str)
        if name is None or not hashed or not _is_count(values.get("rows"), MOST_ROWS_OF_A_SHARD):
            problems.append(f"{RELEASE_JSON}: a shard is stated as {str(shard)[:200]}")
            continue
        numbers = named.setdefault((name["split"], int(name["count"])), set())
        if int(name["index"]) in numbers:
            problems.append(f"{RELEASE_JSON}: the shard {values['path']} is stated twice")
            continue
        numbers.add(int(name["index"]))
        usable.append(values)
    if not usable:
        problems.append(f"{RELEASE_JSON}: states no shard")
    for (split, count), numbers in sorted(named.items()):
        # Not tables one by one: a name may hold any number.
        missing = count - len(numbers)
        if missing:
            first = next(number for number in range(count) if number not in numbers)
            problems.append(
                f"{RELEASE_JSON}: {missing} of the {count} shards of {split} are not stated, the first is "
                f"{split}/{first:05d}-of-{count:05d}"
            )
    for split in SPLITS:
        counts = sorted(count for name, count in named if name == split)
        if len(counts) > 1:
            totals = " and of ".join(map(str, counts))
            problems.append(f"{RELEASE_JSON}: the shards of {split} are numbered as of {totals}")
    return usable, problems


def _is_count(value: Any, most: float = math.inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _check_files(release: Path, stated: Mapping[str, Any], rows: Mapping[str, int]) -> Iterator[str]:
    """A line for each problem of the files at the root; `rows` are those of the tables among them."""
    if stated.get("format") != RELEASE_FORMAT:
        yield f"{RELEASE_JSON}: its format is {stated.get('format')}, this version reads {RELEASE_FORMAT}"
    hashes = _stated(stated, "files")
    most = {name: most_file_bytes(most_rows(count)) for name, count in rows.items()}
    for name in sorted({*ROOT_FILES, *hashes}):
        if name not in ROOT_FILES:
            yield f"{RELEASE_JSON}: states the file {name}, which no release has"
            continue
        if name not in hashes:
            yield f"{RELEASE_JSON}: states no SHA-256 of {name}"
        try:
            found = _file_sha256(release, name, most.get(name, MOST_TEXT_BYTES))
        except OSError as error:
            yield f"{name}: {reason_of(error)}"
            continue
        if name in hashes and found != hashes[name]:
            yield f"{name}: its SHA-256 is not the one in {RELEASE_JSON}"


def _file_sha256(release: Path, name: str, most_bytes: int) -> str:
    with folder_files.open_file(str(release), name) as file:
        return sha256_of(file, most_bytes)


class _Tables:
    """The content of the tables at the root, for the comparison with release.json and with the rows."""

    def __init__(self) -> None:
        self.rooms = self.rejected = 0
        self.answers: AnswerCounter | None = None
        self._kept_captions = np.empty(0, dtype=np.int64)
        self._kept_texts = np.empty(0, dtype=np.int64)
        self._verdicts: dict[int, list[str]] = {}

    def add_verdict(self, caption_hash: int, reply: str) -> None:
        """Adds the reply of a judge that has kept an answer for a caption (see CaptionKey)."""
        self._verdicts.setdefault(caption_hash, []).append(reply)

    def judge(self, captions: Iterable[DoubtedCaption]) -> Iterator[str]:
        """A line for each caption that the check doubts and that no judge's reply keeps, compared again by rule."""
        for caption in captions:
            if not any(caption.holds_by(reply) for reply in self._verdicts.get(caption.caption_hash, ())):
                yield f"{caption.name} does not hold: {caption.reason}"

    def add_answers(self, counter: AnswerCounter, captions: Sequence[int], texts: Sequence[int]) -> None:
        """Adds the counts of the answers, and the two hashes of each answer that was kept (see CaptionKey)."""
        self.answers = counter
        self._kept_captions = np.unique(np.array(captions, dtype=np.int64))
        self._kept_texts = np.unique(np.array(texts, dtype=np.int64))

    def compare(self, captions: Sequence[CaptionKey]) -> Iterator[str]:
        """A line for each caption whose status does not fit the answers."""
        if self.answers is None or not captions:
            return
        text_kept = np.isin([caption.text_hash for caption in captions], self._kept_texts)
        any_kept = np.isin([caption.caption_hash for caption in captions], self._kept_captions)
        for caption, has_text, has_any in zip(captions, text_kept, any_kept, strict=True):
            if caption.rewritten and not has_text:
                yield f"{caption.name} is said to be rewritten, {ANSWERS} has no kept answer that gives it"
            if not caption.rewritten and has_any:
                yield f"{caption.name} is said to be the template's, {ANSWERS} has a kept answer for it"


def _stated_rows(stated: Mapping[str, Any], shards: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The rows that the tables at the root have by the counts of release.json; a table without counts is left out."""
    counts = _stated(stated, "counts")
    answers = _stated(counts, "answers")
    found: dict[str, list[Any]] = {
        ROOMS: [counts.get("rooms")],
        REJECTED: [counts.get("rejected")],
        # A line for each clip.
        ATTRIBUTION: [shard["rows"] for shard in shards],
        ANSWERS: [answers.get(name, 0) for name in ("kept", "refused", "failed", "judged")],
    }
    return {name: sum(numbers) for name, numbers in found.items() if all(map(_is_count, numbers))}


def _check_tables(release: Path, recipe: Recipe | None, rows: Mapping[str, int], findings: Findings) -> _Tables:
    tables = _Tables()
    rooms: Counter[str] = Counter()
    for table in _table(release, ROOMS, ROOM_SCHEMA, rows, findings, OLDER_ROOM_SCHEMA):
        rooms.update(map(str, table["room_id"].to_pylist()))
    tables.rooms = rooms.total()
    repeated = sorted(name for name, count in rooms.items() if count > 1)
    findings.add([f"{ROOMS}: room {name}: is in the table more than once" for name in repeated])
    tables.rejected = sum(table.num_rows for table in _table(release, REJECTED, REJECTION_SCHEMA, rows, findings))
    if recipe is None:
        return tables
    counter, captions, texts = answer_counter(recipe), [], []
    contradictions = 0
    for table in _table(release, ANSWERS, ANSWER_SCHEMA, rows, findings, OLDER_ANSWER_SCHEMA):
        counter.add(table := as_answers(table))
        columns = ("row_id", "caption_index", "text", "kept", "reason", "asked")
        for row_id, index, text, kept, reason, asked in zip(
            *(table[name].to_pylist() for name in columns), strict=True
        ):
            contradictions += kept is not (reason is None)
            if kept and asked == "judge":
                tables.add_verdict(caption_hashes(row_id or "", index or 0, "")[0], text or "")
            elif kept:
                hashes = answer_hashes(row_id or "", index or 0, text or "")
                captions.append(hashes[0])
                texts.append(hashes[1])
    if contradictions:
        findings.add([f"{ANSWERS}: {contradictions} answers are kept with a reason, or refused without one"])
    tables.add_answers(counter, captions, texts)
    return tables


def _table(
    release: Path,
    name: str,
    schema: pa.Schema,
    rows: Mapping[str, int],
    findings: Findings,
    older: pa.Schema | None = None,
) -> Iterator[pa.Table]:
    """The row groups of a table at the root; none if it cannot be read, which becomes a finding.

    Args:
        release: the folder of the release.
        name: the name of the table.
        schema: its columns.
        rows: the rows that release.json states, by the table's name.
        findings: takes the problems.
        older: the columns that the table has in older releases, if others.
    """
    most = most_rows(rows[name]) if name in rows else None
    try:
        with folder_files.open_file(str(release), name) as file:
            table = open_table(file, rows=most)
            if not any(table.schema.equals(known, check_metadata=False) for known in (schema, older or schema)):
                findings.add([f"{name}: its columns are not those of a release"])
                return
            yield from table.groups()
    except TableRefused as refused:
        findings.add([f"{name}: {refused}"])
    except OSError as error:
        # What is missing, or no file, is reported by the check of the files.
        if folder_files.exists(str(release), name):
            findings.add([f"{name}: {reason_of(error)}"])


_checker: ShardChecker | None = None


def _begin_process(release: Path, fully: bool) -> None:
    global _checker
    # Ctrl-C ends the command, which ends its processes; here it would print a traceback for each.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _checker = ShardChecker(release, fully=fully)


def _end_with_parent() -> None:
    """Ends this process when the command ends; a process that waits for work would outlive a killed command."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _check_in_process(shard: Mapping[str, Any]) -> ShardFindings:
    assert _checker is not None
    return _checker.check(shard)


def _check_shards(
    release: Path, shards: Sequence[Mapping[str, Any]], fully: bool, processes: bool
) -> Iterator[ShardFindings]:
    """The findings of each shard, in order."""
    cores = available_cores()
    if not processes:
        checker = ShardChecker(release, fully=fully)
        with ThreadPoolExecutor(cores) as threads:
            yield from _in_order(threads, checker.check, shards, cores * _AHEAD)
        return
    # Not forked from this process, where threads of Beam may hold locks.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if hasattr(context, "set_forkserver_preload"):
        context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(cores, mp_context=context, initializer=_begin_process, initargs=(release, fully))
    try:
        yield from _in_order(pool, _check_in_process, shards, cores * _AHEAD)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    executor: Executor,
    check: Callable[[Mapping[str, Any]], ShardFindings],
    shards: Iterable[Mapping[str, Any]],
    ahead: int,
) -> Iterator[ShardFindings]:
    pending: deque[tuple[Mapping[str, Any], Future[ShardFindings] | None]] = deque()
    waiting = iter(shards)
    broken = False
    while True:
        while len(pending) < ahead and (shard := next(waiting, None)) is not None:
            try:
                pending.append((shard, None if broken else executor.submit(check, shard)))
            except BrokenExecutor:
                pending.append((shard, None))
        if not pending:
            return
        shard, future = pending.popleft()
        try:
            if future is None:
                raise BrokenExecutor
            yield future.result()
        except BrokenExecutor:
            # A crash or a lack of memory ended a process; it is not known which of these shards is the cause.
            broken = True
            yield ShardFindings(str(shard["path"]), [f"{shard['path']}: not checked, a process of the check died"])


def _compare(stated: Any, expected: Any, key: str = "") -> Iterator[str]:
    """A line for each key of release.json that differs from the release."""
    if isinstance(expected, dict) and isinstance(stated, dict):
        for name in [*expected, *(name for name in stated if name not in expected)]:
            if not key and name in (SEAL, "shards", "files"):
                # The seal covers all keys; shards and files have been compared one by one.
                continue
            inner = f"{key}.{name}" if key else str(name)
            if name not in expected:
                yield f"{RELEASE_JSON}: {inner} is a key that no release has"
            else:
                yield from _compare(stated.get(name), expected[name], inner)
    elif stated != expected:
        kind = "the rows give" if key == "digest" else "the release gives"
        yield f"{RELEASE_JSON}: {key} is {_short(stated)}, {kind} {_short(expected)}"


def _short(value: Any) -> str:
    text = one_line(ValueError(str(value)))
    return text if len(text) <= 100 else f"{text[:100]}…"


def _extra(release: Path, shards: set[str]) -> list[str]:
    """A line for each file and folder that no release has, outside of the shards and the report; sorted."""
    extra: list[str] = []
    for entry in folder_files.entries_in(str(release)):
        if entry.name in SPLITS and entry.is_folder:
            extra += _extra_in_split(release, entry.name, shards)
        elif entry.name == REPORT_FOLDER and entry.is_folder:
            extra += _links_below(release, entry.name)
        elif entry.name not in (*ROOT_FILES, RELEASE_JSON):
            extra += _files_below(release, entry.name, is_folder=entry.is_folder)
    return [f"{name}: not part of the release" for name in sorted(extra)]


def _links_below(release: Path, name: str) -> Iterator[str]:
    """The links, pipes and devices below a folder whose files may be any."""
    for entry in folder_files.entries_in(str(release), name):
        if entry.is_folder:
            yield from _links_below(release, f"{name}/{entry.name}")
        elif not entry.is_file:
            yield f"{name}/{entry.name}"


def _extra_in_split(release: Path, split: str, shards: set[str]) -> Iterator[str]:
    for entry in folder_files.entries_in(str(release), split):
        name = f"{split}/{entry.name}"
        if name not in shards or not entry.is_folder:
            yield from _files_below(release, name, is_folder=entry.is_folder)


def _files_below(release: Path, name: str, *, is_folder: bool) -> list[str]:
    """The files below a path that does not belong to a release; the path itself if it is a file or an empty folder."""
    below = folder_files.list_files(str(release), name) if is_folder else []
    return [f"{name}/{one}" for one in below] or [name]


__all__ = ["PROCESSES_FROM_ROWS", "rerender_rows", "stated_shards", "verify"]
