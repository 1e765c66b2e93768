"""The pipeline's graph, in the order of the paper's first figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipeline.recipe import Recipe
from transforms.captions.describe_places import DescribePlaces
from transforms.captions.job import CaptionJob
from transforms.captions.list_questions import ListQuestions
from transforms.captions.rewrite_captions import RewriteCaptions
from transforms.receivers.receiver import FIRST_ORDER, RoomReceivers
from transforms.rooms.measure_rooms import MeasureRooms, WriteRooms
from transforms.rooms.place_source import PlaceSources
from transforms.rooms.responses.room_rows import room_rows
from transforms.rooms.responses.simulate_responses import SimulateResponses
from transforms.rooms.responses.stored_responses import open_responses
from transforms.rooms.responses.take_responses import TakeResponses
from transforms.rooms.sample_rooms import SampleRooms
from transforms.scenes.gather_sounds import GatherSounds
from transforms.scenes.place_scenes import PlaceScenes
from transforms.scenes.render_scenes import RenderScenes
from transforms.shards import workspace
from transforms.shards.plan_shards import pool_beside, responses_beside
from transforms.shards.read_clips import ReadClips
from transforms.shards.write_shard import WriteShards
from transforms.sound.render_rows import RenderRows


@dataclass(frozen=True)
class Work:
    """The missing parts of a release: numbers of shards in its plan, and chunks of rooms to measure."""

    shards: tuple[int, ...]
    rooms: tuple[tuple[int, tuple[tuple[str, int], ...]], ...]
    """Each chunk is its number and its rooms as (split, index)."""
    captions: CaptionJob | None = None
    """The settings of the caption stage; None takes the recipe's, without known answers and without a journal."""


def build_dag(pipeline: beam.Pipeline, recipe: Recipe, release: str, work: Work) -> None:
    """Builds the graph that makes the missing parts of a release.

    One element is one shard: nothing is grouped, so Beam fuses all stages and a shard runs from its list of clips to
    its metadata.parquet on one worker, without waiting for any other; only its number crosses a shuffle.
    """
    job = work.captions or recipe.caption_job()
    scenes, render, receivers = recipe.scene_settings(), recipe.render_settings(), recipe.room_receivers()
    rendering: beam.PTransform = RenderRows(release, render, receivers)
    if scenes.are_on:
        rendering = RenderScenes(release, render, scenes, receivers)
    _ = (
        _rows_with_responses(pipeline, recipe, release, workspace.PLAN, work.shards, receivers)
        | rendering
        | DescribePlaces()
        | RewriteCaptions(job)
        | WriteShards(release, job.model_name, job.run)
    )
    _ = (
        pipeline
        | "Rooms" >> beam.Create(work.rooms)
        | "Spread rooms" >> beam.Reshuffle()
        | MeasureRooms(recipe.room_supply(), _measured_rooms(recipe, release, work))
        | WriteRooms(release)
    )


def questions_dag(
    pipeline: beam.Pipeline, recipe: Recipe, shards: tuple[int, ...], job: CaptionJob, folder: str, below: str
) -> None:
    """Builds the graph that lists the questions of a build; it renders nothing and asks nobody.

    Args:
        pipeline: the pipeline.
        recipe: the recipe of the build.
        shards: the numbers of the shards to ask about.
        job: the settings of the caption stage.
        folder: the folder of the export.
        below: the name of the folder in it that holds the plan, and where the questions are written.
    """
    # Words are measured on W of ideal ambisonics, whatever the receiver is.
    _ = (
        _rows_with_responses(pipeline, recipe, folder, f"{below}/plan", shards, FIRST_ORDER, samples=False)
        | DescribePlaces()
        | ListQuestions(folder, below, job, recipe.render_settings())
    )


def _rows_with_responses(
    pipeline: beam.Pipeline,
    recipe: Recipe,
    folder: str,
    plan: str,
    shards: tuple[int, ...],
    receivers: RoomReceivers,
    *,
    samples: bool = True,
) -> beam.PCollection:
    """The head of both graphs: shards of a plan whose rows have a room, positions in it, and a response.

    Without `samples` a measured response is its place and its acoustics. A row of a scene has the response of its own
    clip's source, which measures the room.
    """
    rows = (
        pipeline
        | "Shards" >> beam.Create(shards)
        | "Spread shards" >> beam.Reshuffle()
        | ReadClips(folder, plan, recipe.seed, recipe.augmentations.model_dump())
    )
    if recipe.rooms.measured is not None:
        rows = rows | TakeResponses(folder, responses_beside(plan), samples)
    rows = rows | SampleRooms(recipe.room_supply())
    scenes, ranges = recipe.scene_settings(), recipe.scene_ranges()
    if scenes.are_on:
        render, recordings = recipe.render_settings(), recipe.ambience_recordings()
        rows = rows | GatherSounds(folder, pool_beside(plan), scenes, render, recordings)
    placing = PlaceScenes(ranges, scenes) if scenes.are_on else PlaceSources(ranges)
    return rows | placing | SimulateResponses(receivers)


def _measured_rooms(recipe: Recipe, release: str, work: Work) -> dict[tuple[str, int], dict[str, Any]]:
    """The rows of rooms.parquet of the measured rooms in the work, by split and number."""
    if recipe.rooms.measured is None or not work.rooms:
        return {}
    responses = open_responses(release, responses_beside(workspace.PLAN))
    return room_rows([room for _, chunk in work.rooms for room in chunk], responses)
