"""`elsa plan`: the size, time and cost of a build, before anything is rendered."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail
from pipeline.commands.arguments import add_recipe_arguments, recipe_or_fail
from pipeline.errors import last_words

if TYPE_CHECKING:
    from pipeline.forecast import Forecast


class _Watch:
    """Shows on stderr that a sample is being measured: a bar on a terminal, otherwise one line at the start."""

    def __init__(self, with_model: bool, *, silent: bool) -> None:
        from pipeline.forecast.measure_sample import Budget

        self.silent = silent
        self.most_s = Budget().most_s(with_model)
        self.bar: Any = None

    def __enter__(self) -> _Watch:
        return self

    def __call__(self, elapsed_s: float) -> None:
        """Updates the display; called once a second with the seconds that measuring has taken."""
        from tqdm import tqdm

        if not sys.stderr.isatty():
            if not self.silent:
                print(f"plan: measuring a sample, for up to {self.most_s:.0f} s", file=sys.stderr, flush=True)
            self.silent = True
            return
        if self.bar is None:
            form = "plan: measuring a sample {bar} {elapsed}"
            self.bar = tqdm(total=self.most_s, bar_format=form, file=sys.stderr, leave=False)
        self.bar.n = min(elapsed_s, self.most_s)
        self.bar.refresh()

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


class PlanCommand:
    """Estimates a build from lists, headers and a measured sample."""

    name = "plan"
    help = "estimate the size, time and cost of a build"
    takes_beam_options = True

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = (
            "Estimates rows, hours, bytes, CPU and wall time, answers, tokens and cost of a build, without building:\n"
            "from the lists and headers of the input, and from a sample that is decoded and rendered for about 20 s."
        )
        parser.epilog = (
            "example:\n  elsa plan folder --input recordings --set augmentations.train=4\n\n"
            "Numbers that rest on the sample have a 95 % interval. Wall time holds for this machine under its load.\n"
            "Options that are not listed here go to Beam, as in elsa build, such as --s3_endpoint_url."
        )
        add_recipe_arguments(parser)
        parser.add_argument(
            "--workers", type=int, metavar="N", help="plan for N processes, each on a core like this machine's"
        )
        parser.add_argument(
            "--output",
            metavar="RELEASE",
            help="the folder of the build: its disk is checked, and its answers count as known",
        )
        parser.add_argument(
            "--answers",
            metavar="FILE",
            help="answers.parquet of an earlier release, whose questions are not asked again",
        )
        parser.add_argument(
            "--ask", type=int, default=0, metavar="N", help="ask the recipe's endpoint for N captions, to measure it"
        )
        parser.add_argument("--no-measure", action="store_true", help="decode and render nothing; read the lists alone")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        problem = _unusable_count(arguments)
        if problem is not None:
            fail(problem)
            return UNUSABLE
        recipe = recipe_or_fail(arguments)
        if recipe is None:
            return UNUSABLE
        # These import Beam, which takes seconds: what can be wrong on the command line has been looked at before.
        from pipeline.beam_options import OptionError, set_file_systems
        from pipeline.build.caption_setup import refuse_unreadable
        from pipeline.build.planning import BuildError
        from pipeline.commands.messages import rejection_lines
        from pipeline.forecast import forecast
        from pipeline.forecast.measure_sample import MeasuringFailed
        from pipeline.recipe import RecipeError
        from transforms.captions.writers import WriterUnavailable
        from transforms.sources import SourceUnusable

        try:
            set_file_systems(arguments.beam_options)
            refuse_unreadable(arguments.answers)
            with _Watch(recipe.caption.writer == "local", silent=arguments.no_measure) as watch:
                found = forecast(
                    recipe,
                    arguments.input,
                    workers=arguments.workers,
                    measure=not arguments.no_measure,
                    ask=arguments.ask,
                    answers=arguments.answers,
                    output=arguments.output,
                    beam_flags=arguments.beam_options,
                    watch=watch,
                )
        except (BuildError, OptionError, RecipeError, SourceUnusable, WriterUnavailable) as error:
            fail(str(error))
            return UNUSABLE
        except MeasuringFailed as error:
            fail(f"{error}; --no-measure reads the lists alone")
            return INCOMPLETE
        except (OSError, ValueError, KeyError) as error:
            fail(f"the plan stopped: {last_words(error)}")
            return INCOMPLETE
        if arguments.json:
            print(json.dumps(found.values(), indent=1))
        else:
            print("\n".join(_lines(found)))
            print(f"\nto build it:\n  {build_command(arguments)}")
        for line in rejection_lines(found.plan.rejections, "what --json prints"):
            fail(line)
        for note in (*found.notes, *_disk_notes(found, arguments.output)):
            fail(note)
        return INCOMPLETE if found.plan.rejections else DONE


def _unusable_count(arguments: argparse.Namespace) -> str | None:
    """A line about the first number that cannot be used, or None."""
    if arguments.workers is not None and arguments.workers < 1:
        return f"--workers takes a number of processes from 1 on, not {arguments.workers}"
    if arguments.ask < 0:
        return f"--ask takes a number of captions, not {arguments.ask}"
    return None


def _lines(found: Forecast) -> list[str]:
    """The table of a plan."""
    from pipeline.build.planning import plan_summary
    from pipeline.forecast.text import plan_lines

    sample = ""
    if found.measured is not None:
        measured = found.measured.sample
        headers = f", {found.measured.headers:,} headers read" if found.measured.headers else ""
        sample = (
            f"measured on {len(measured.clips):,} clips, {measured.rendered:,} of them rendered, in "
            f"{measured.processes} processes for {measured.seconds:.0f} s{headers}; intervals of 95 %"
        )
    where = f"{found.workers} workers" if found.workers != 1 else "1 worker"
    return plan_lines(plan_summary(found.recipe, found.plan), found.estimate, found.captions, where, sample)


def build_command(arguments: argparse.Namespace) -> str:
    """The command that builds what this plan estimates."""
    words = ["elsa", "build", arguments.recipe, "--input", arguments.input, "--output", arguments.output or "RELEASE"]
    for setting in arguments.settings:
        words += ["--set", setting]
    if arguments.limit is not None:
        words += ["--limit", str(arguments.limit)]
    if arguments.answers:
        words += ["--answers", arguments.answers]
    if arguments.workers:
        words.append(f"--direct_num_workers={arguments.workers}")
    words += arguments.beam_options
    return shlex.join(words)


def _disk_notes(found: Forecast, output: str | None) -> Sequence[str]:
    """A warning when the disk of the output, or of this folder, has too little space."""
    from pipeline.forecast.text import bytes_text
    from transforms import storage

    if found.estimate is None or (output and storage.is_remote(output)):
        return ()
    folder = Path(os.path.abspath(output or "."))
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if found.estimate.total_bytes.high <= free:
        return ()
    return (
        f"{folder} has {bytes_text(free)} free, and the release needs {bytes_text(found.estimate.total_bytes.value)}",
    )


plan = PlanCommand()
