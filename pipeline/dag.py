"""The DAG: one pipe, in the order of the paper's first figure."""

from __future__ import annotations

from dataclasses import dataclass

import apache_beam as beam

from pipeline.recipe import Recipe
from transforms.captions.describe_places import WordPlaces
from transforms.captions.job import CaptionJob
from transforms.captions.list_questions import ListQuestions
from transforms.captions.rewrite_captions import RewriteCaptions
from transforms.rooms.measure_rooms import MeasureRooms, WriteRooms
from transforms.rooms.place_source import PlaceSources
from transforms.rooms.sample_rooms import SampleRooms
from transforms.rooms.simulate_response import SimulateResponses
from transforms.shards import workspace
from transforms.shards.read_clips import ReadClips
from transforms.shards.write_shard import WriteShards
from transforms.sound.render import Level
from transforms.sound.render_rows import RenderRows, RenderSettings


@dataclass(frozen=True)
class Work:
    """What is missing of a release: numbers of shards in its plan, and chunks of rooms to be measured."""

    shards: tuple[int, ...]
    rooms: tuple[tuple[int, tuple[tuple[str, int], ...]], ...]
    """(number of the chunk, its rooms as (split, index))."""
    captions: CaptionJob | None = None
    """How captions are asked for; None is as the recipe says, knowing no answers and writing none down."""


def render_settings(recipe: Recipe) -> RenderSettings:
    """The recipe's section on audio, as the stage that renders takes it."""
    audio = recipe.audio
    return RenderSettings(
        level=Level(audio.level, audio.fixed_gain_db, audio.peak_dbfs),
        bit_depth=audio.bit_depth,
        trim_below_peak_db=audio.trim_below_peak_db,
        min_duration_s=audio.min_duration_s,
        max_duration_s=audio.max_duration_s,
    )


def build_dag(pipeline: beam.Pipeline, recipe: Recipe, release: str, work: Work) -> None:
    """Lays the pipe that makes what is missing of a release.

    One element is one shard: nothing is grouped, so Beam fuses all stages and a shard runs from its list of clips to
    its metadata.parquet on one worker, without waiting for any other; only its number crosses a shuffle.
    """
    augmentations, supply = recipe.augmentations.model_dump(), recipe.room_supply()
    job = work.captions or recipe.caption_job()
    _ = (
        pipeline
        | "Shards" >> beam.Create(work.shards)
        | "Spread shards" >> beam.Reshuffle()
        | "Read clips" >> ReadClips(workspace.plan_path(release), seed=recipe.seed, augmentations=augmentations)
        | "Sample rooms" >> SampleRooms(supply)
        | "Place sources" >> PlaceSources(recipe.scene_ranges())
        | "Simulate responses" >> SimulateResponses()
        | "Render" >> RenderRows(release, render_settings(recipe))
        | "Word places" >> WordPlaces()
        | "Rewrite captions" >> RewriteCaptions(job)
        | "Write shards"
        >> WriteShards(release, caption_model=job.model_name, caption_prompt=job.prompt_id, run=job.run)
    )
    _ = (
        pipeline
        | "Rooms" >> beam.Create(work.rooms)
        | "Spread rooms" >> beam.Reshuffle()
        | "Measure rooms" >> MeasureRooms(supply)
        | "Write rooms" >> WriteRooms(release)
    )


def questions_dag(
    pipeline: beam.Pipeline, recipe: Recipe, plan: str, shards: tuple[int, ...], job: CaptionJob, folder: str
) -> None:
    """The same pipe as far as the words, which captions are asked with: nothing is rendered and nobody is asked."""
    augmentations, supply = recipe.augmentations.model_dump(), recipe.room_supply()
    _ = (
        pipeline
        | "Shards" >> beam.Create(shards)
        | "Spread shards" >> beam.Reshuffle()
        | "Read clips" >> ReadClips(plan, seed=recipe.seed, augmentations=augmentations)
        | "Sample rooms" >> SampleRooms(supply)
        | "Place sources" >> PlaceSources(recipe.scene_ranges())
        | "Simulate responses" >> SimulateResponses()
        | "Word places" >> WordPlaces()
        | "List questions" >> ListQuestions(folder, job, render_settings(recipe))
    )
