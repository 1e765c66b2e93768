"""`elsa verify`, `elsa reproduce` and `elsa report`: commands that read a finished release."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail
from pipeline.commands.arguments import UnusableArgument, add_own_files_argument, refuse_other_settings
from pipeline.errors import last_words


def is_elsewhere(release: str) -> bool:
    """Whether a release is on an object store; prints a line if so, because these commands read local files."""
    if "://" not in release:
        return False
    fail(f"{release} is not on this machine: copy it first (aws s3 sync, gcloud storage rsync)")
    return True


class VerifyCommand:
    """Compares what a release states with the files on disk."""

    name = "verify"
    help = "check every file, row and sample of a release"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = "Checks the hashes, samples, words, captions and digest of a release on all cores."
        parser.epilog = "examples:\n  elsa verify out/demo\n  elsa verify out/demo --rerender 8 --input recordings"
        parser.add_argument("release", metavar="RELEASE", help="the folder of the release")
        parser.add_argument("--rerender", type=int, default=0, metavar="N", help="also render N rows again and compare")
        parser.add_argument("--input", metavar="DIR", help="the folder of recordings, for --rerender")
        parser.add_argument("--json", action="store_true", help="print JSON")
        add_own_files_argument(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from pipeline.check.verify import rerender_rows, verify
        from pipeline.recipe import RecipeError
        from pipeline.release.layout import ReleaseError
        from transforms.sources import SourceUnusable

        if arguments.rerender < 0 or (arguments.rerender and not arguments.input):
            fail("--rerender takes a number of rows, and needs --input, the folder that the release was made from")
            return UNUSABLE
        if is_elsewhere(arguments.release):
            return UNUSABLE
        try:
            refuse_other_settings(arguments.settings)
            findings = verify(Path(arguments.release))
            if arguments.rerender:
                rerender_rows(arguments.release, arguments.input, arguments.rerender, findings, arguments.settings)
        except (RecipeError, ReleaseError, SourceUnusable, UnusableArgument) as error:
            fail(str(error))
            return UNUSABLE
        except OSError as error:
            fail(f"the release cannot be read to its end: {last_words(error)}")
            return INCOMPLETE
        if arguments.json:
            print(json.dumps(findings.as_json(), indent=1))
        else:
            for problem in findings.lines():
                fail(problem)
            if not findings.problems:
                print(f"{arguments.release}: {findings.rows} rows are as stated, digest {findings.digest}")
                if arguments.rerender:
                    print(f"{findings.rerendered} rows rendered again have the same samples")
        return INCOMPLETE if findings.problems else DONE


class ReproduceCommand:
    """Builds a release again from its own recipe and answers, and compares the digests."""

    name = "reproduce"
    help = "build a release again from its own recipe and compare"
    takes_beam_options = True

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = (
            "Builds a release again from its recipe and answers, and names the rows and versions that differ."
        )
        parser.epilog = "example:\n  elsa reproduce out/demo --input recordings --output out/again"
        parser.add_argument("release", metavar="RELEASE", help="the release to make again")
        parser.add_argument("--input", required=True, metavar="DIR", help="the folder it was made from")
        parser.add_argument("--output", required=True, metavar="RELEASE2", help="the folder of the new release")
        add_own_files_argument(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from pipeline.beam_options import OptionError
        from pipeline.build import BuildError, build
        from pipeline.check.reproduce import differences, not_asked
        from pipeline.recipe import RecipeError, load_release_recipe
        from pipeline.release.layout import ANSWERS, ReleaseError, read_release_json
        from transforms.bounds import Refused
        from transforms.sources import SourceUnusable
        from transforms.storage import absolute
        from transforms.storage.folder_files import FileIn

        if absolute(arguments.output) == absolute(arguments.release):
            fail(f"--output {arguments.output} is the release itself; name another folder")
            return UNUSABLE
        if is_elsewhere(arguments.release):
            return UNUSABLE
        try:
            refuse_other_settings(arguments.settings)
            read_release_json(arguments.release)
            recipe = load_release_recipe(arguments.release, arguments.settings)
            outcome = build(
                recipe,
                arguments.input,
                arguments.output,
                beam_flags=arguments.beam_options,
                answers=FileIn(absolute(arguments.release), ANSWERS),
                answers_alone=True,
            )
        except (BuildError, OptionError, RecipeError, ReleaseError, SourceUnusable, UnusableArgument) as error:
            fail(str(error))
            return UNUSABLE
        except (OSError, RuntimeError) as error:
            fail(f"the build stopped: {last_words(error)}; run the same command again to go on")
            return INCOMPLETE
        for line in outcome.failures:
            fail(line)
        if outcome.failures:
            return INCOMPLETE
        try:
            lines = [*not_asked(arguments.release, arguments.output), *differences(arguments.release, arguments.output)]
        except (OSError, Refused, ReleaseError) as error:
            fail(f"the two releases cannot be compared: {last_words(error)}")
            return INCOMPLETE
        for line in lines:
            fail(line)
        if not lines:
            print(f"{arguments.output}: {outcome.totals.row_count} rows, the same digest {outcome.totals.digest}")
        return INCOMPLETE if lines else DONE


class ReportCommand:
    """Writes the report: a page to look at and listen to."""

    name = "report"
    help = "write a page to look at and listen to"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = "Writes RELEASE/report/index.html; it needs no network."
        parser.epilog = (
            "examples:\n  elsa report out/demo --input recordings\n  elsa report out/demo --rows='train/cow.mp3#1'"
        )
        parser.add_argument("release", metavar="RELEASE", help="the folder of the release")
        parser.add_argument("--input", metavar="DIR", help="the folder of recordings, for players of the originals")
        parser.add_argument(
            "--samples", type=int, default=12, metavar="N", help="rows to show in full, with binaural players (12)"
        )
        parser.add_argument(
            "--rows", action="append", default=[], metavar="ID", help="also show this row; may be given several times"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        from pipeline.recipe import RecipeError
        from pipeline.release.layout import ReleaseError, read_release_json
        from pipeline.report.of_release import write_report_of
        from pipeline.report.samples import RowUnknown
        from transforms.bounds import Refused
        from transforms.sources import SourceUnusable

        if arguments.samples < 0:
            fail(f"--samples takes a number of rows, not {arguments.samples}")
            return UNUSABLE
        if is_elsewhere(arguments.release):
            return UNUSABLE
        try:
            read_release_json(arguments.release)
            write_report_of(arguments.release, arguments.input, samples=arguments.samples, rows=arguments.rows)
        except (RecipeError, ReleaseError, RowUnknown, SourceUnusable) as error:
            fail(str(error))
            return UNUSABLE
        except (OSError, Refused) as error:
            fail(f"the report cannot be written: {last_words(error)}")
            return INCOMPLETE
        return DONE


verify = VerifyCommand()
reproduce = ReproduceCommand()
report = ReportCommand()
