"""Measures the work of a build on a keyed sample of clips, in as many processes as the build would have."""

from __future__ import annotations

import concurrent.futures
import math
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipeline.beam_options import set_file_systems
from pipeline.build.planning import Plan
from pipeline.forecast.estimate import Sample, SampledClip, SampledRow
from pipeline.recipe import Recipe
from transforms import storage
from transforms.captions.describe_places import describe_place
from transforms.captions.job import CaptionJob
from transforms.captions.rewrite_captions import rewrite_shard
from transforms.captions.rewriting import ask_each_question_once, rewrite
from transforms.captions.writers import WriterUnavailable
from transforms.errors import one_line
from transforms.records import CaptionRequest, Clip, Row, Shard, reply_of_reason
from transforms.rooms.measure_rooms import measured_rooms
from transforms.rooms.place_source import place_sources
from transforms.rooms.responses.room_rows import room_rows
from transforms.rooms.responses.simulate_responses import simulate_responses
from transforms.rooms.responses.stored_responses import StoredResponses
from transforms.rooms.responses.take_responses import take_response
from transforms.rooms.sample_rooms import assign_rooms
from transforms.scenes.clip_pool import ListedPool
from transforms.scenes.gather_sounds import gather_shard
from transforms.scenes.place_scenes import place_scenes
from transforms.scenes.prepared_sounds import PreparedSounds
from transforms.scenes.render_scenes import render_row_or_scene
from transforms.scenes.stem_names import STEM_BIT_DEPTH
from transforms.seeds import derive_seed
from transforms.shards.plan_shards import make_row
from transforms.shards.release_rows import ROW_SCHEMA, row_values
from transforms.shards.write_shard import table_to_parquet
from transforms.sound.clip_audio import SAMPLE_RATE
from transforms.sound.isolated_decoder import DECODER
from transforms.sound.refusal import ClipRefused
from transforms.sound.render import encode_flac
from transforms.sound.render_rows import RenderSettings, prepare_source, render_row
from transforms.storage import folder_files
from transforms.storage.temporary import temporary_folder

__all__ = ["Budget", "Measured", "MeasuringFailed", "ModelAnswers", "ask_model", "in_keyed_order", "measure_sample"]

#: The headers of all clips are read up to this number; for more clips the lengths come from the sample.
MOST_HEADERS = 20_000
_HEADER_THREADS = 4


class MeasuringFailed(RuntimeError):
    """Nothing could be measured."""


@dataclass(frozen=True)
class Budget:
    """The limits of the measurement in each process; the first one that is reached ends it."""

    render_s: float = 15.0
    decode_s: float = 4.0
    """Time for further clips that are only decoded, for their lengths."""
    rooms_s: float = 2.0
    captions_s: float = 12.0
    """Time for captions of a local model."""
    most_clips: int = 2_000
    most_captions: int = 32

    def most_s(self, with_model: bool) -> float:
        """The approximate longest time of the measurement, with the start of processes and the loading of a model."""
        return 5 + self.render_s + self.decode_s + self.rooms_s + (5 + self.captions_s if with_model else 0)


@dataclass(frozen=True)
class ModelAnswers:
    """The answers of a model to some captions: their number, tokens, and time."""

    captions: int = 0
    answers: int = 0
    failed: int = 0
    """The number of requests that the endpoint did not answer."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    judged: int = 0
    """The number of answers that a judge was asked about."""
    judge_prompt_tokens: int = 0
    judge_completion_tokens: int = 0

    def __add__(self, other: ModelAnswers) -> ModelAnswers:
        return ModelAnswers(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Measured:
    """A sample, and further measurements."""

    sample: Sample
    asked: ModelAnswers
    """The answers of the local model, if the recipe has one."""
    expected_s: list[float]
    """The expected length of each clip in seconds, in the order of the plan."""
    headers: int
    """The number of clips whose header states their length."""
    rows: tuple[Row, ...]
    """Some rendered rows."""


@dataclass(frozen=True)
class _Job:
    """The part of one process: clips in keyed order, files whose headers are read, and rooms."""

    recipe: Recipe
    clips: tuple[Clip, ...]
    headers: tuple[str, ...]
    """The paths of the part's clips, empty for a member of a tar; no paths if headers are not read."""
    rooms: tuple[tuple[str, int], ...]
    pool: tuple[Clip, ...]
    """The clips that companions in scenes are drawn from."""
    responses: StoredResponses | None
    """Those of measured rooms."""
    beam_flags: tuple[str, ...]
    budget: Budget


@dataclass(frozen=True)
class _Part:
    """The measurements of one process."""

    clips: tuple[SampledClip, ...]
    header_s: tuple[float | None, ...]
    start_cpu_s: float
    start_wall_s: float
    room_cpu_s: tuple[float, ...]
    furnish_cpu_s: tuple[float, ...]
    tables: tuple[tuple[int, int, float], ...]
    """(rows, bytes, CPU seconds) of metadata.parquet files."""
    asked: ModelAnswers = ModelAnswers()
    captions_refused: str | None = None
    rows: tuple[Row, ...] = ()
    """Some rendered rows, for which captions can be asked."""


def in_keyed_order(clips: Sequence[Clip], seed: int) -> list[int]:
    """The indices of `clips` in an order that follows from the seed and their names; each prefix is a fair sample."""
    keys = [(derive_seed(seed, "plan", clip.split, clip.source_id), at) for at, clip in enumerate(clips)]
    return [at for _, at in sorted(keys)]


def measure_sample(
    recipe: Recipe,
    plan: Plan,
    processes: int,
    *,
    beam_flags: Sequence[str] = (),
    budget: Budget | None = None,
    watch: Callable[[float], None] = lambda elapsed_s: None,
) -> Measured:
    """Decodes, renders and writes a sample of the plan's clips, one version of each, and times the stages.

    Args:
        processes: how many work at once, each on a part of its own; memory is shared as it is in a build.
        beam_flags: Beam's options, for gs:// and s3://.
        watch: called about once a second with the seconds so far.

    Raises:
        MeasuringFailed: when no row came of it.
    """
    budget = budget or Budget()
    begun = time.monotonic()
    clips = [clip for shard in plan.shards for clip in shard.clips]
    order = in_keyed_order(clips, recipe.seed)
    processes = max(1, min(processes, len(clips)))
    rooms = sorted(plan.rooms, key=lambda room: derive_seed(recipe.seed, "plan room", *room))
    with_headers = len(clips) <= MOST_HEADERS and not any(storage.is_remote(clip.path) for clip in clips)
    jobs = [
        _Job(
            recipe,
            tuple(clips[at] for at in order[part::processes][: budget.most_clips]),
            tuple(_header_path(clips[at]) for at in order[part::processes]) if with_headers else (),
            tuple(rooms[part::processes]),
            plan.pool,
            plan.responses,
            tuple(beam_flags),
            budget,
        )
        for part in range(processes)
    ]
    parts, failures = _in_processes(jobs, watch)
    header_s: list[float | None] = [None] * len(clips)
    measured: dict[int, SampledClip] = {}
    for number, part in parts.items():
        of_part = order[number::processes]
        measured |= dict(zip(of_part, part.clips, strict=False))
        for at, seconds in zip(of_part, part.header_s, strict=False):
            header_s[at] = seconds
    if not any(clip.row for clip in measured.values()):
        refusals = [clip.refused for clip in measured.values() if clip.refused]
        raise MeasuringFailed(f"nothing could be measured: {(failures or refusals or ['no clip was decoded'])[0]}")
    expected_s = _expected_s(header_s, recipe.render_settings())
    scenes = recipe.scene_settings()
    if scenes.are_on and scenes.duration_s is not None:
        expected_s = [scenes.mean_length_s(seconds) for seconds in expected_s]
    row_bytes, table_bytes = _fit_line([(rows, size) for part in parts.values() for rows, size, _ in part.tables])
    row_cpu_s, table_cpu_s = _fit_line([(rows, cpu_s) for part in parts.values() for rows, _, cpu_s in part.tables])
    notes = [*failures, *(part.captions_refused for part in parts.values() if part.captions_refused)]
    sample = Sample(
        clips=tuple(replace(clip, expected_s=expected_s[at]) for at, clip in sorted(measured.items())),
        start_cpu_s=_mean([part.start_cpu_s for part in parts.values()]),
        start_wall_s=_mean([part.start_wall_s for part in parts.values()]),
        room_cpu_s=_mean([value for part in parts.values() for value in part.room_cpu_s]),
        furnish_cpu_s=_mean([value for part in parts.values() for value in part.furnish_cpu_s]),
        row_bytes=row_bytes,
        table_bytes=table_bytes,
        row_table_cpu_s=row_cpu_s,
        table_cpu_s=table_cpu_s,
        processes=len(parts),
        seconds=time.monotonic() - begun,
        notes=tuple(dict.fromkeys(notes)),
    )
    asked = sum((part.asked for part in parts.values()), ModelAnswers())
    rows = tuple(row for part in parts.values() for row in part.rows)
    return Measured(sample, asked, expected_s, sum(1 for seconds in header_s if seconds is not None), rows)


def _expected_s(header_s: Sequence[float | None], settings: RenderSettings) -> list[float]:
    """The expected length of each clip in seconds: the used part of its header's length, or the mean length."""
    used = [None if seconds is None else _used_s(seconds, settings) for seconds in header_s]
    known = [seconds for seconds in used if seconds is not None]
    # Without headers all clips have the same expected length.
    mean_s = _mean(known) or 1.0
    return [mean_s if seconds is None else seconds for seconds in used]


def _used_s(seconds: float, settings: RenderSettings) -> float:
    """The length of a prepared clip in seconds if nothing is trimmed; 0 if it is rejected."""
    if not 0 < seconds <= settings.max_duration_s:
        return 0.0
    return seconds * max(1, math.ceil(settings.min_duration_s / seconds))


def _header_path(clip: Clip) -> str:
    """The path whose header states the clip's length; empty for a member of a tar."""
    return (clip.target or clip.path) if clip.offset_bytes is None else ""


def _header_s(path: str) -> float | None:
    """The length of a file in seconds by its header; None if the header does not state it."""
    if not path:
        return None
    try:
        with open(folder_files.open_listed(path), "rb") as file:
            return float(soundfile.info(file).duration)
    except (OSError, RuntimeError, ValueError):
        return None


def _in_processes(jobs: Sequence[_Job], watch: Callable[[float], None]) -> tuple[dict[int, _Part], list[str]]:
    """The results of the jobs by number, and the errors of the others; a crash ends only its own process."""
    begun = time.monotonic()
    # Spawned, because threads of Beam in this process may hold locks.
    context = multiprocessing.get_context("spawn")
    pools = [concurrent.futures.ProcessPoolExecutor(1, mp_context=context) for _ in jobs]
    try:
        futures = [pool.submit(_measure, job, time.time()) for pool, job in zip(pools, jobs, strict=True)]
        while concurrent.futures.wait(futures, timeout=1.0).not_done:
            watch(time.monotonic() - begun)
        parts: dict[int, _Part] = {}
        failures: list[str] = []
        for number, future in enumerate(futures):
            error = future.exception()
            if error is None:
                parts[number] = future.result()
            else:
                failures.append(one_line(error))
        return parts, failures
    finally:
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _measure(job: _Job, asked_at: float) -> _Part:
    """Measures the part of one process; `asked_at` is the time at which the process was started."""
    # A spawned process does not know the options of the command.
    set_file_systems(job.beam_flags)
    with temporary_folder("plan") as folder:
        return _Measuring(job, folder).part(asked_at)


class _Stages:
    """CPU seconds by stage, and wall seconds of all stages together."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self.wall_s = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.cpu_s[name] = self.cpu_s.get(name, 0.0) + time.process_time() - cpu
            self.wall_s += time.perf_counter() - wall


class _Measuring:
    """Does the work of the stages in this process, with the functions that the stages call."""

    def __init__(self, job: _Job, folder: str) -> None:
        self.job = job
        self.folder = folder
        self.settings = job.recipe.render_settings()
        self.supply = job.recipe.room_supply()
        self.captions = job.recipe.caption_job()
        self.questions = self.captions.questions()
        self.ranges, self.scenes = job.recipe.scene_ranges(), job.recipe.scene_settings()
        self.pool, self.prepared = ListedPool(job.pool), PreparedSounds(self.settings)
        self.recordings = job.recipe.ambience_recordings()
        self.receivers = job.recipe.room_receivers()
        self.furnish_cpu_s: list[float] = []
        self.rows: list[Row] = []

    def part(self, asked_at: float) -> _Part:
        self._warm_up()
        DECODER.close()
        first_cpu_s = _children_cpu_s()
        start_cpu_s, start_wall_s = time.process_time() + first_cpu_s, max(time.time() - asked_at, 0.0)
        with concurrent.futures.ThreadPoolExecutor(_HEADER_THREADS) as threads:
            header_s = tuple(threads.map(_header_s, self.job.headers))
        clips = self._clips()
        DECODER.close()
        # The time of its start is in the first reading.
        clips = _with_decoder(clips, _children_cpu_s() - 2 * first_cpu_s)
        room_cpu_s = self._rooms()
        asked, refused = self._ask() if self.job.recipe.caption.writer == "local" else (ModelAnswers(), None)
        return _Part(
            clips=tuple(clips),
            header_s=header_s,
            start_cpu_s=start_cpu_s,
            start_wall_s=start_wall_s,
            room_cpu_s=tuple(room_cpu_s),
            furnish_cpu_s=tuple(self.furnish_cpu_s),
            tables=tuple(self._tables()),
            asked=asked,
            captions_refused=refused,
            rows=tuple(self.rows[: self.job.budget.most_captions]),
        )

    def _warm_up(self) -> None:
        """Renders a first row, which builds tables and plans transforms once in a process."""
        for clip in self.job.clips[:3]:
            if self._clip(clip, render=True).row is not None:
                break
        self.furnish_cpu_s.clear()
        self.rows.clear()

    def _clips(self) -> list[SampledClip]:
        """Renders clips while there is time, then only decodes further clips."""
        begun = time.monotonic()
        measured: list[SampledClip] = []
        render_until = begun + self.job.budget.render_s
        for clip in self.job.clips:
            now = time.monotonic()
            if measured and now > render_until + self.job.budget.decode_s:
                break
            measured.append(self._clip(clip, render=not self.rows or now <= render_until))
        return measured

    def _clip(self, clip: Clip, *, render: bool) -> SampledClip:
        versions = self.job.recipe.augmentations.of(clip.split)
        decoding = _Stages()
        try:
            with decoding.stage("decode"):
                source, sha256 = prepare_source(clip, self.settings)
            length_s, refused = self._row_s(len(source)), None
        except ClipRefused as refusal:
            render, length_s, refused = False, 0.0, refusal.reason
        decoded = SampledClip(versions, 0.0, length_s, decoding.cpu_s["decode"], decoding.wall_s, refused=refused)
        if not render:
            return decoded
        version = derive_seed(self.job.recipe.seed, "plan version", clip.source_id) % versions
        row = make_row(clip, version, self.job.recipe.seed)
        stages = _Stages()
        with stages.stage("furnish"):
            row = take_response(row, self.job.responses)
            shard = assign_rooms(Shard(clip.split, 0, 1, (row,)), self.supply)
        self.furnish_cpu_s.append(stages.cpu_s.pop("furnish"))
        if self.scenes.are_on:
            with stages.stage("gather"):
                shard = gather_shard(shard, self.scenes, self.pool, self.prepared, self.recordings)
        with stages.stage("place"):
            placed = place_scenes(shard, self.ranges, self.scenes) if self.scenes.are_on else None
            shard = placed or place_sources(shard, self.ranges)
        if not shard.rows:
            return replace(decoded, length_s=0.0, refused=shard.rejections[0].reason)
        with stages.stage("respond"):
            (row,) = simulate_responses(shard, self.receivers).rows
        with stages.stage("render"):
            row, flac = self._render(row, source, sha256)
        path = storage.join(self.folder, "row.flac")
        with stages.stage("write"):
            storage.write_bytes(path, flac)
        with stages.stage("word"):
            row = describe_place(row)
        with stages.stage("captions"):
            (row,) = rewrite_shard(shard.with_rows((row,)), self.questions, None, None).rows
        os.unlink(path)
        self.rows.append(row)
        return replace(decoded, row=SampledRow(len(flac), stages.cpu_s, stages.wall_s))

    def _row_s(self, n_samples: int) -> float:
        """The mean length in seconds of the rows of a clip with so many samples."""
        seconds = n_samples / SAMPLE_RATE
        return self.scenes.mean_length_s(seconds) if self.scenes.are_on else seconds

    def _render(self, row: Row, source: NDArray[np.float32], sha256: str) -> tuple[Row, bytes]:
        if not self.scenes.are_on:
            row, files = render_row(row, source, sha256, self.settings, self.receivers)
            return row, b"".join(files.flacs.values())
        scene = render_row_or_scene(row, self.prepared, self.settings, self.scenes, self.receivers)
        stems = (encode_flac(pcm, SAMPLE_RATE, STEM_BIT_DEPTH) for pcm in scene.stems.values())
        return scene.row, b"".join([*scene.files.flacs.values(), *stems])

    def _rooms(self) -> list[float]:
        until, taken, responses = time.monotonic() + self.job.budget.rooms_s, [], self.job.responses
        for room in self.job.rooms:
            begun = time.process_time()
            measured_rooms([room], self.supply, {} if responses is None else room_rows([room], responses))
            taken.append(time.process_time() - begun)
            if time.monotonic() > until:
                break
        return taken

    def _tables(self) -> Iterator[tuple[int, int, float]]:
        """Writes tables of one row, of half the rows and of all; the very first takes longer and does not count."""
        table_to_parquet([self._values(row) for row in self.rows[:1]], ROW_SCHEMA)
        for rows in sorted({1, len(self.rows) // 2, len(self.rows)} - {0}):
            begun = time.process_time()
            size = len(table_to_parquet([self._values(row) for row in self.rows[:rows]], ROW_SCHEMA))
            yield rows, size, time.process_time() - begun

    def _values(self, row: Row) -> dict[str, object]:
        return row_values(row, caption_model=self.captions.model_name)

    def _ask(self) -> tuple[ModelAnswers, str | None]:
        """Asks the local model for captions of the sampled rows, in batches like those of the stage."""
        requests = self.questions.of_rows(self.rows)[: self.job.budget.most_captions]
        try:
            ask_model(self.captions, requests[:1])
            return ask_model(self.captions, requests, self.job.budget.captions_s), None
        except WriterUnavailable as error:
            return ModelAnswers(), str(error)


def _children_cpu_s() -> float:
    """CPU seconds of the ended child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _with_decoder(clips: Sequence[SampledClip], cpu_s: float) -> list[SampledClip]:
    """The clips with the CPU time of the decoder's process, distributed by the time that each clip was waited for."""
    waited_s = math.fsum(clip.decode_wall_s for clip in clips)
    a_second = max(cpu_s, 0.0) / waited_s if waited_s else 0.0
    return [replace(clip, decode_cpu_s=clip.decode_cpu_s + a_second * clip.decode_wall_s) for clip in clips]


def ask_model(job: CaptionJob, requests: Sequence[CaptionRequest], most_s: float = 60.0) -> ModelAnswers:
    """Asks the job's model for these captions, in batches until `most_s` have passed.

    A judge is asked beside a remote writer only: a local one is measured without the user's asking for it.

    Raises:
        WriterUnavailable: where it cannot be asked from here.
    """
    writer, questions = job.open_writer(), job.questions()
    if writer is None or not requests:
        return ModelAnswers()
    total, batch = ModelAnswers(), max(job.concurrency if job.writer == "openai" else 16, 1)
    judge = job.open_judge() if job.writer == "openai" else None
    ask_judge = ask_each_question_once(judge) if judge is not None else None
    begun = time.monotonic()
    try:
        for start in range(0, len(requests), batch):
            cpu, wall = time.process_time(), time.monotonic()
            outcomes = rewrite(requests[start : start + batch], writer, questions, ask_judge=ask_judge)
            taken = time.process_time() - cpu, time.monotonic() - wall
            every = {answer.request_sha256: answer for _, answers in outcomes for answer in answers}.values()
            given = [answer for answer in every if answer.asked != "judge"]
            judged = [answer for answer in every if answer.asked == "judge"]
            total += ModelAnswers(
                captions=len({answer.request_sha256 for answer in given if answer.attempt == 0}),
                answers=len(given),
                failed=sum(reply_of_reason(answer.reason).is_failure for answer in every),
                prompt_tokens=sum(answer.prompt_tokens or 0 for answer in given),
                completion_tokens=sum(answer.completion_tokens or 0 for answer in given),
                cpu_s=taken[0],
                wall_s=taken[1],
                judged=len(judged),
                judge_prompt_tokens=sum(answer.prompt_tokens or 0 for answer in judged),
                judge_completion_tokens=sum(answer.completion_tokens or 0 for answer in judged),
            )
            if time.monotonic() - begun > most_s:
                break
    finally:
        writer.close()
        if judge is not None:
            judge.close()
    return total


def _fit_line(tables: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Fits value = slope · rows + intercept, both at least 0; with one number of rows the intercept is 0."""
    rows, sizes = np.array(tables, dtype=np.float64).T
    if np.ptp(rows) == 0:
        return float(sizes.mean() / rows.mean()), 0.0
    slope, intercept = np.polyfit(rows, sizes, 1)
    return float(max(slope, 0.0)), float(max(intercept, 0.0))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
