"""`elsa build`: a recipe and an input folder become a release."""

from __future__ import annotations

import argparse
import logging

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail
from pipeline.commands.arguments import add_recipe_arguments, parse_share, recipe_or_fail
from pipeline.errors import last_words


class BuildCommand:
    """Builds a release; run again, it builds only what is missing."""

    name = "build"
    help = "make a release from a recipe and a folder of recordings"
    takes_beam_options = True

    def configure(self, parser: argparse.ArgumentParser) -> None:
        from pipeline.shipped import shipped_recipes

        recipes = "\n".join(f"  {name:12} {text}" for name, text in shipped_recipes().items())
        parser.description = (
            "Builds a release: simulated rooms, first-order ambisonics, and captions that say where the sound is."
        )
        parser.epilog = (
            f"recipes:\n{recipes}\n\nexample:\n"
            "  elsa build folder --input recordings --output out/mine --set caption.writer=template\n\n"
            "Options that are not listed here go to Beam, such as --runner=DataflowRunner or --direct_num_workers=1.\n"
            "A local build uses all cores. The API key comes from the environment variable OPENAI_API_KEY."
        )
        add_recipe_arguments(parser)
        parser.add_argument("--output", required=True, metavar="RELEASE", help="the folder of the release")
        parser.add_argument(
            "--answers",
            metavar="FILE",
            help="answers.parquet of an earlier release, whose questions are not asked again",
        )
        parser.add_argument(
            "--allow-missing",
            type=parse_share,
            default=0.0,
            metavar="SHARE",
            help="end with 0 although up to this share of the clips is missing or rejected, such as 15%% (default: 0)",
        )
        parser.add_argument("--verbose", action="store_true", help="show the log of Beam and its workers")

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.verbose:
            logging.getLogger().setLevel(logging.INFO)
        recipe = recipe_or_fail(arguments)
        if recipe is None:
            return UNUSABLE
        # These import Beam, which takes seconds: what can be wrong on the command line has been looked at before.
        from pipeline.beam_options import OptionError
        from pipeline.build import BuildError, ReleaseError, build
        from pipeline.commands.messages import failure_lines, rejection_lines
        from pipeline.recipe import RecipeError
        from pipeline.report.of_release import write_report_of
        from transforms import storage
        from transforms.shards import workspace
        from transforms.sources import SourceUnusable

        try:
            outcome = build(
                recipe,
                arguments.input,
                arguments.output,
                beam_flags=arguments.beam_options,
                answers=arguments.answers,
                verbose=arguments.verbose,
            )
        except (BuildError, OptionError, RecipeError, ReleaseError, SourceUnusable) as error:
            fail(str(error))
            return UNUSABLE
        except (OSError, RuntimeError) as error:
            fail(f"the build stopped: {last_words(error)}; finished shards stay; run the same command again to go on")
            return INCOMPLETE
        notes = storage.join(arguments.output, workspace.folder_of(workspace.FAILURES))
        for line in failure_lines(outcome.failures, notes):
            fail(f"{line} (run the same command again to go on)")
        when = " once the build is whole" if outcome.failures else ""
        for line in rejection_lines(outcome.rejections, f"{arguments.output}/rejected.parquet{when}"):
            fail(line)
        if outcome.failures:
            for note in outcome.notes:
                fail(note)
            return INCOMPLETE
        totals = outcome.totals
        if not totals.row_count:
            fail("every clip was rejected: the release has no rows")
        captions = ", ".join(f"{count} {status}" for status, count in totals.captions.items()) or "none"
        print(f"{arguments.output}: {totals.row_count} rows, {totals.hour_count:.3f} h, captions: {captions}")
        print(f"digest {totals.digest}")
        try:
            write_report_of(arguments.output, arguments.input)
        except OSError as error:
            fail(f"the report cannot be written: {last_words(error)}; elsa report {arguments.output} makes it")
            return INCOMPLETE
        # Last, where they are seen: they say how many captions have no answer.
        for note in outcome.notes:
            fail(note)
        if outcome.whole:
            return DONE
        if arguments.allow_missing and outcome.whole_but_for(arguments.allow_missing):
            share = f"{100 * outcome.missing_share:.1f} %"
            missing = outcome.missing_clips
            clips = "1 clip is" if missing == 1 else f"{missing} clips are"
            print(f"{clips} missing or rejected, {share} of all: --allow-missing lets that pass")
            return DONE
        return INCOMPLETE


build = BuildCommand()
