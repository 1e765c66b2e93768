"""`elsa build` and `elsa plan`: a recipe and an input folder become a release, or a forecast of one."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail

#: Lines of refused inputs that are printed; the rest is in rejected.parquet.
MOST_LINES = 100


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """RECIPE, --input and --set, as build and plan take them."""
    parser.add_argument("recipe", metavar="RECIPE", help="name of a shipped recipe, or a YAML file")
    parser.add_argument("--input", required=True, metavar="DIR", help="the folder with the recordings and their list")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="overrides a key of the recipe"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="take only N clips, dealt out over the splits")


class BuildCommand:
    """Builds a release; a build again does only what is missing."""

    name = "build"
    help = "make a release from a recipe and a folder of recordings"
    takes_beam_options = True

    def configure(self, parser: argparse.ArgumentParser) -> None:
        from pipeline.shipped import shipped_recipes

        recipes = "\n".join(f"  {name:12} {text}" for name, text in shipped_recipes().items())
        parser.description = "Makes a release: rooms, first-order ambisonics, captions that tell the place."
        parser.epilog = (
            f"recipes:\n{recipes}\n\nexample:\n"
            "  elsa build folder --input recordings --output out/mine --set caption.writer=template\n\n"
            "Options that are not listed go to Beam, such as --runner=DataflowRunner or --direct_num_workers=1.\n"
            "On this machine alone all cores are used. The key of an API comes from OPENAI_API_KEY."
        )
        add_recipe_arguments(parser)
        parser.add_argument("--output", required=True, metavar="RELEASE", help="the folder of the release")
        parser.add_argument(
            "--answers", metavar="FILE", help="answers.parquet of an earlier release: ask nothing twice"
        )
        parser.add_argument("--verbose", action="store_true", help="show what Beam and its workers say")

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.verbose:
            logging.getLogger().setLevel(logging.INFO)
        # Beam's own imports take seconds; the command's help does not need them.
        from pipeline.build import BuildError, ReleaseError, build
        from pipeline.recipe import RecipeError
        from pipeline.runners import OptionError
        from transforms.sources import SourceUnusable

        try:
            recipe = recipe_of(arguments)
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
            fail(f"the build stopped: {last_line(error)}; what was done stays, run the same command again to go on")
            return INCOMPLETE
        for line in outcome.failures:
            fail(f"{line} (run the same command again to go on)")
        for rejection in outcome.rejections[:MOST_LINES]:
            fail(f"refused {rejection.file}: {rejection.reason}: {rejection.detail}")
        if len(outcome.rejections) > MOST_LINES:
            fail(f"… and {len(outcome.rejections) - MOST_LINES} more refused, in {arguments.output}/rejected.parquet")
        for note in outcome.notes:
            fail(note)
        if outcome.failures:
            return INCOMPLETE
        totals = outcome.totals
        captions = ", ".join(f"{count} {status}" for status, count in totals.captions.items())
        print(f"{arguments.output}: {totals.row_count} rows, {totals.hour_count:.3f} h, captions: {captions}")
        print(f"digest {totals.digest}")
        write_report_of(arguments.output, arguments.input)
        return DONE if outcome.whole else INCOMPLETE


class PlanCommand:
    """Says what a build would make, without decoding or rendering anything."""

    name = "plan"
    help = "count what a build would make"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = "Rows, captions, shards and rooms of a build, from the lists alone."
        parser.epilog = "example:\n  elsa plan folder --input recordings --set augmentations.train=4"
        add_recipe_arguments(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        from pipeline.planning import BuildError, plan_build, plan_summary
        from pipeline.recipe import RecipeError
        from transforms.sources import SourceUnusable

        try:
            recipe = recipe_of(arguments)
            plan = plan_build(recipe, arguments.input)
        except (BuildError, RecipeError, SourceUnusable) as error:
            fail(str(error))
            return UNUSABLE
        summary = plan_summary(recipe, plan)
        if arguments.json:
            print(json.dumps(summary, indent=1))
        else:
            print(
                f"{summary['clips']} clips give {summary['rows']} rows with {summary['captions']} captions "
                f"in {summary['shards']} shards and {summary['rooms']} rooms"
            )
        for rejection in plan.rejections[:MOST_LINES]:
            fail(f"refused {rejection.file}: {rejection.reason}: {rejection.detail}")
        return INCOMPLETE if plan.rejections else DONE


def last_line(error: BaseException) -> str:
    """What an error says last: Beam's errors hold the whole traceback of a worker before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def recipe_of(arguments: argparse.Namespace):  # type: ignore[no-untyped-def]
    """The recipe with --set and --limit laid over it."""
    from pipeline.recipe import load_recipe

    settings = [*arguments.settings, *([f"limit={arguments.limit}"] if arguments.limit is not None else [])]
    return load_recipe(arguments.recipe, settings)


def write_report_of(release: str, input_dir: str | None) -> None:
    """Writes the report of a release on this machine's disk; with the input at hand its originals can be heard."""
    from pipeline.report import write_report
    from transforms.storage import is_remote

    if is_remote(release):
        print(f"the report of a release elsewhere is made on demand: elsa report {release}", file=sys.stderr)
        return
    page = write_report(Path(release), original_of=original_reader(release, input_dir) if input_dir else None)
    print(f"report {os.path.relpath(page)}")


def original_reader(release: str, input_dir: str):  # type: ignore[no-untyped-def]
    """A function from a row to the samples and rate of its clip, or None where the input lacks it."""
    from pipeline.recipe import load_recipe
    from transforms.clip_audio import ClipRefused, decode_clip
    from transforms.clip_bytes import read_clip
    from transforms.storage import join

    recipe = load_recipe(join(release, "recipe.yaml"))
    clips = {(clip.split, clip.source_id): clip for clip in recipe.list_input(input_dir).clips}

    def original_of(row):  # type: ignore[no-untyped-def]
        clip = clips.get((row["split"], row["source_id"]))
        try:
            return decode_clip(read_clip(clip), clip.path, max_duration_s=recipe.audio.max_duration_s) if clip else None
        except (OSError, ClipRefused):
            return None

    return original_of


build = BuildCommand()
plan = PlanCommand()
