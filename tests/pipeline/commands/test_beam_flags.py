"""Options of Beam, known without importing it: the same as Beam's own parser has."""

from __future__ import annotations

import argparse
import contextlib

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.beam_options import _option_classes
from pipeline.commands.beam_flags import UnknownFlag, beam_flags, refuse_unknown_flags, runner_names


def test_the_names_read_from_the_source_are_those_of_beam_s_parser() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    for options in _option_classes(PipelineOptions):
        if options.__module__ == "apache_beam.options.pipeline_options":
            with contextlib.suppress(argparse.ArgumentError):
                options._add_argparse_args(parser)  # type: ignore[arg-type]
    declared = {name for action in parser._actions for name in action.option_strings if name.startswith("--")}
    # BooleanOptionalAction adds the --no-… forms itself.
    assert {name for name in declared if not name.startswith("--no-")} <= beam_flags()
    assert len(declared) > 100


def test_runners_are_those_that_beam_names() -> None:
    assert {"DirectRunner", "DataflowRunner", "FlinkRunner", "PortableRunner", "PrismRunner"} <= set(runner_names())


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--limt=3"], "did you mean --limit"),
        (["--limt", "3"], "did you mean --limit"),
        (["--direct_num_worker=2"], "did you mean --direct_num_workers"),
        (["--runner=Nonsense"], "Beam has no runner Nonsense"),
        (["--runner", "DirectRuner"], "did you mean DirectRunner"),
        (["--direct_num_workers=-3"], "not -3"),
        (["--direct_num_workers=two"], "not two"),
        (["recordings"], "recordings"),
    ],
)
def test_a_slip_of_the_pen_is_named(flags: list[str], named: str) -> None:
    with pytest.raises(UnknownFlag, match=named):
        refuse_unknown_flags(flags, ["--limit", "--set", "--answers"])


@pytest.mark.parametrize(
    "flags",
    [
        ["--runner=DirectRunner", "--direct_num_workers=0"],
        ["--runner", "direct"],
        ["--runner=flink"],
        ["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"],
        ["--region=europe-west1", "--experiments=use_runner_v2", "--experiments", "shuffle_mode=service"],
        [],
    ],
)
def test_what_beam_takes_passes(flags: list[str]) -> None:
    refuse_unknown_flags(flags, [])
