"""The whole graph translates for Dataflow, offline, with the options that the page on runners tells a user to set."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pipeline.beam_options import beam_options
from pipeline.command import INCOMPLETE, main
from pipeline.dag import Work, build_dag
from pipeline.recipe import load_recipe
from tests.commands import build_words, without_progress

pytest.importorskip("apache_beam.runners.dataflow", reason="apache-beam[gcp] is not installed")

import apache_beam as beam
from apache_beam.runners.dataflow.internal import apiclient

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "runners.md"
STAGES = (
    "Read clips",
    "Sample rooms",
    "Place sources",
    "Simulate responses",
    "Render",
    "Describe places",
    "Rewrite captions",
    "Write shards",
    "Measure rooms",
    "Write rooms",
)


def launch_command() -> list[str]:
    """The words of the command that the page prints, its names filled in."""
    (command,) = re.findall(r"```sh\n(elsa build [^`]*--runner=DataflowRunner[^`]*)```", PAGE.read_text("utf-8"))
    names = {"PROJECT": "some-project", "REGION": "europe-west4", "BUCKET": "some-bucket", "REGISTRY": "registry.test"}
    for name, value in names.items():
        command = re.sub(rf"\b{name}\b", value, command)
    return shlex.split(command.replace("\\\n", " "))


def translated(flags: list[str], shards: tuple[int, ...] = (0, 1, 2)):  # type: ignore[no-untyped-def]
    """The job that would be submitted."""
    options = beam_options([*flags, "--dry_run=True"], units=len(shards))
    pipeline = beam.Pipeline(options=options)
    recipe = load_recipe("folder", ["caption.writer=template"])
    build_dag(pipeline, recipe, "gs://some-bucket/release", Work(shards, ((0, (("train", 1),)),)))
    return pipeline.run().job


def beam_flags() -> list[str]:
    words = launch_command()
    own = {"--input", "--output", "--set", "--answers"}
    flags, position = [], 3
    while position < len(words):
        if words[position] in own:
            position += 2
            continue
        flags.append(words[position])
        position += 1
    return flags


def test_every_stage_of_the_graph_is_in_the_job() -> None:
    graph = translated(beam_flags()).proto_pipeline
    names = {transform.unique_name for transform in graph.components.transforms.values()}
    for stage in STAGES:
        assert any(name.split("/")[0] == stage for name in names), stage


def test_the_graph_holds_numbers_of_shards_and_not_clips() -> None:
    one, many = (translated(beam_flags(), tuple(range(count))).proto_pipeline.ByteSize() for count in (1, 13_907))
    assert many - one < 13_907 * 16
    # Dataflow takes a graph of 10 MB.
    assert many < 2**20


def test_the_options_that_the_page_names_reach_the_job() -> None:
    job = translated(beam_flags())
    (environment,) = job.proto_pipeline.components.environments.values()
    assert b"registry.test/" in environment.payload
    hints = {urn: bytes(value) for urn, value in environment.resource_hints.items()}
    assert int(hints["beam:resources:min_ram_bytes:v1"]) == 2_000_000_000
    described = apiclient.Environment(
        proto_pipeline_staged_url="gs://some-bucket/tmp/pipeline.pb",
        packages=[],
        options=job.options,
        environment_version="0",
        proto_pipeline=job.proto_pipeline,
    ).proto
    (pool,) = described.worker_pools
    assert pool.machine_type == "n2d-standard-8"
    assert pool.disk_size_gb == 50
    assert pool.worker_harness_container_image == "registry.test/elsa-spatial-audio:0.1.0"
    assert pool.autoscaling_settings.max_num_workers == 60
    told = dict(dict(described.sdk_pipeline_options)["options"])
    expected = {
        "region": "europe-west4",
        "sdk_location": "container",
        "number_of_worker_harness_threads": 1,
        "autoscaling_algorithm": "THROUGHPUT_BASED",
        "save_main_session": False,
    }
    assert {name: told.get(name, False) for name in expected} == expected


def test_no_file_of_the_checkout_is_shipped_with_the_job() -> None:
    # The image holds the code: neither a main session nor a setup.py is staged, so every worker runs what was tested.
    (environment,) = translated(beam_flags()).proto_pipeline.components.environments.values()
    assert not [artifact for artifact in environment.dependencies if b"main_session" in artifact.role_payload]
    assert not [artifact for artifact in environment.dependencies if b"workflow" in artifact.role_payload]


def test_a_dry_run_of_a_build_says_that_it_built_nothing(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # It wrote an empty release, with exit 0.
    assert main(build_words(recordings, tmp_path / "o", *beam_flags(), "--dry_run=True")) == INCOMPLETE
    (line,) = without_progress(capfd.readouterr().err)
    assert "--dry_run translates the graph and builds nothing" in line
    assert not (tmp_path / "o" / "release.json").exists()
