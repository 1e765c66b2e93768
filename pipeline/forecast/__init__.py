"""Forecasts the size, the time and the cost of a build from its lists, a measured sample, and known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.beam_options import available_cores
from pipeline.build.caption_setup import answer_files, known_answers
from pipeline.build.planning import Plan, plan_build, plan_summary
from pipeline.build.remaining_work import room_chunks
from pipeline.forecast.captions import CaptionPlan, count_questions, earlier_answers, plan_captions
from pipeline.forecast.estimate import Estimate, Interval, Overheads, Population, Setting, estimate
from pipeline.forecast.measure_sample import Budget, Measured, ModelAnswers, ask_model, measure_sample
from pipeline.recipe import Recipe
from transforms import storage
from transforms.captions.answer_journal import Journals

__all__ = ["Forecast", "forecast", "with_captions"]

#: The time in seconds that a remote model is assumed to need for an answer if it was not measured.
ANSWER_S = 1.0


@dataclass(frozen=True)
class Forecast:
    """Everything that is known about a build before it begins."""

    recipe: Recipe
    plan: Plan
    workers: int
    cores: int
    measured: Measured | None
    estimate: Estimate | None
    captions: CaptionPlan | None
    notes: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """The forecast as plain values; `forecast` is null without a measurement, `answers` without a model."""
        return {
            **plan_summary(self.recipe, self.plan),
            "workers": self.workers,
            "forecast": None if self.estimate is None else self._forecast_values(self.estimate),
            "answers": None if self.captions is None else self.captions.values(),
            "notes": list(self.notes),
        }

    def _forecast_values(self, estimate: Estimate) -> dict[str, Any]:
        assert self.measured is not None
        sample = self.measured.sample
        return {
            "rows": estimate.rows.values(),
            "hours": estimate.hours.values(),
            "bytes": estimate.total_bytes.values(),
            "flac_bytes": estimate.flac_bytes.values(),
            "parquet_bytes": estimate.parquet_bytes.values(),
            "cpu_seconds": estimate.cpu_s.values(),
            "cpu_seconds_by_stage": dict(estimate.cpu_s_by_stage),
            "wall_seconds": estimate.wall_s.values(),
            "rates": dict(estimate.rates),
            "sample": {
                "clips": len(sample.clips),
                "rows": sample.rendered,
                "refused": sum(clip.refused is not None for clip in sample.clips),
                "headers": self.measured.headers,
                "processes": sample.processes,
                "seconds": sample.seconds,
            },
        }


def forecast(
    recipe: Recipe,
    input_dir: str,
    *,
    workers: int | None = None,
    measure: bool = True,
    ask: int = 0,
    answers: str | None = None,
    output: str | None = None,
    beam_flags: Sequence[str] = (),
    budget: Budget | None = None,
    watch: Callable[[float], None] = lambda elapsed_s: None,
) -> Forecast:
    """Forecasts a build of `recipe` from `input_dir`.

    Args:
        workers: processes that the build will have; None is as many as it would take on this machine.
        measure: whether a sample is decoded and rendered; without it only lists and answers are read.
        ask: so many captions are asked of the recipe's model elsewhere, to learn of its tries, tokens and speed.
        answers: answers.parquet of an earlier release.
        output: the release that the build will make; what it holds of answers is known.
        beam_flags: Beam's options, of which the processes that measure take those of gs:// and s3://.
        budget: how much is measured.
        watch: called about once a second of measuring with the seconds so far.

    Raises:
        SourceUnusable, BuildError: when there is nothing to build; MeasuringFailed: when nothing could be measured.
        WriterUnavailable: when the model that was to be asked cannot be.
    """
    plan, job = plan_build(recipe, input_dir), recipe.caption_job()
    chunks = room_chunks(plan)
    here = available_cores()
    # Like a build without options: one process for each core, as far as there is work for them.
    used = workers or max(1, min(here, max(len(plan.shards), chunks)))
    files = answer_files(output, answers) if output else ((storage.absolute(answers),) if answers else ())
    notes = list(plan.notes)
    measured = None
    if measure:
        measured = measure_sample(recipe, plan, min(used, here), beam_flags=beam_flags, budget=budget, watch=watch)
        notes += measured.sample.notes
    asked = measured.asked if measured else ModelAnswers()
    if ask and job.writer == "openai" and measured is not None:
        asked = ask_model(job, job.questions().of_rows(measured.rows)[:ask])
        if asked.failed:
            notes.append(f"{asked.failed} of {asked.answers} requests had no answer: tries and tokens are not measured")
            asked = ModelAnswers()
    usable = 1.0
    if measured is not None:
        versions = sum(clip.versions for clip in measured.sample.clips)
        usable = sum(clip.versions for clip in measured.sample.clips if clip.refused is None) / versions
    captions = None
    if job.writer != "template":
        known = known_answers(files)
        if output:
            Journals(output).refresh(known)
        questions = count_questions(recipe, plan, known)
        before = earlier_answers(files, job.questions())
        captions = plan_captions(recipe, questions, usable, asked, before)
    outcome = None
    if measured is not None:
        clips = [clip for shard in plan.shards for clip in shard.clips]
        of_clip = [recipe.augmentations.of(clip.split) for clip in clips]
        population = Population(
            clips=len(clips),
            rows=sum(of_clip),
            expected_s=sum(measured.expected_s),
            expected_row_s=sum(
                seconds * versions for seconds, versions in zip(measured.expected_s, of_clip, strict=True)
            ),
            shards=len(plan.shards),
            rooms=len(plan.rooms),
            room_visits=plan.room_visits,
            room_chunks=chunks,
        )
        setting = Setting(used, max(here, used) if workers else here)
        if captions is not None:
            speed = measured.sample.start_cpu_s / Overheads().start_cpu_s
            setting = with_captions(setting, captions, asked, speed, job.concurrency)
            if captions.writer == "local" and not asked.captions and captions.questions:
                notes.append("the model on this machine was not measured: its time is missing")
        outcome = estimate(population, measured.sample, setting, recipe.seed)
    return Forecast(recipe, plan, used, here, measured, outcome, captions, tuple(notes))


def with_captions(
    setting: Setting, captions: CaptionPlan, asked: ModelAnswers, speed: float, concurrency: int
) -> Setting:
    """The setting with the time for captions: CPU time of a local model, and waiting for a remote one and a judge."""
    judged = captions.judge.questions if captions.judge is not None else Interval.exact(0.0)
    if captions.writer == "local":
        each_s = asked.cpu_s / asked.captions if asked.captions else 0.0
        cpu = Interval.exact(each_s * captions.questions).widened(1.0 / max(asked.captions, 1) ** 0.5)
        waiting = judged.value * ANSWER_S / (setting.workers * concurrency)
        return replace(setting, caption_cpu_s=cpu, asking_wall_s=waiting, answers=captions.answers.value)
    batches = (asked.answers + asked.judged) / max(concurrency, 1)
    answer_s = asked.wall_s / max(batches, 1.0) if asked.captions else ANSWER_S
    waiting = (captions.answers + judged).value * answer_s / (setting.workers * concurrency)
    cpu = (captions.answers + judged).times(Overheads().ask_cpu_s * speed)
    return replace(setting, caption_cpu_s=cpu, asking_wall_s=waiting, answers=captions.answers.value)
