"""`elsa check`: every problem of an input folder, before a build."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail
from pipeline.commands.arguments import add_settings_argument, recipe_or_fail
from transforms.errors import reason_of
from transforms.escaping import terminal_text

if TYPE_CHECKING:
    from pipeline.check.check_input import InputFindings


class CheckCommand:
    """Reads lists and headers, renders nothing, and ends as a build would."""

    name = "check"
    help = "name every problem of an input folder, without building"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = (
            "Reads the lists of a folder and the headers of its files, as a build would, and names every problem\n"
            "with its file and line. It decodes and renders nothing, so damage inside a file shows in a build alone.\n"
            "Exit 0: a build would take every clip. 1: it would reject some. 2: it could not start."
        )
        parser.epilog = (
            "examples:\n  elsa check recordings\n  elsa check AUDIOCAPS --recipe spatial-audiocaps --json\n"
            "  elsa check recordings --set select.licenses=[CC0,CC-BY]"
        )
        parser.add_argument("input", metavar="FOLDER", help="the folder with the recordings and their list")
        parser.add_argument(
            "--recipe", default="folder", metavar="RECIPE", help="whose layout the folder has (default: folder)"
        )
        add_settings_argument(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        recipe = recipe_or_fail(arguments)
        if recipe is None:
            return UNUSABLE
        # These import Beam, which takes seconds.
        from pipeline.check.check_input import check_input
        from pipeline.recipe import RecipeError
        from transforms.sources import SourceUnusable

        try:
            findings = check_input(recipe, arguments.input, _watch)
        except (RecipeError, SourceUnusable) as error:
            fail(str(error))
            return UNUSABLE
        except OSError as error:
            fail(f"{error.filename or arguments.input} cannot be read: {reason_of(error)}")
            return UNUSABLE
        if arguments.json:
            print(json.dumps(findings.as_json(), indent=1))
        else:
            _print(arguments.input, findings)
        if findings.unusable is not None:
            return UNUSABLE
        return INCOMPLETE if findings.rejections else DONE


def _print(folder: str, findings: InputFindings) -> None:
    from pipeline.commands.messages import rejection_lines

    for line in rejection_lines(findings.rejections, table=None):
        fail(line)
    if findings.unusable is not None:
        fail(findings.unusable)
        return
    splits = ", ".join(f"{count} {split}" for split, count in findings.clips_by_split.items() if count)
    length = (
        f"{60 * findings.hour_count:.1f} minutes" if findings.hour_count < 2 else f"{findings.hour_count:.1f} hours"
    )
    unknown = f" and {findings.unknown_lengths} of unknown length" if findings.unknown_lengths else ""
    print(f"{folder}: {findings.clip_count} clips ({splits}) with {findings.caption_count} captions, {length}{unknown}")
    for note in findings.notes:
        print(f"note: {terminal_text(note)}")
    if findings.rejections:
        print(f"a build would reject {len(findings.rejections)} inputs, named above, and build the rest")
    else:
        print("no problem found")


def _watch(headers: Iterable[Any], count: int) -> Iterable[Any]:
    """A progress bar on a terminal."""
    from tqdm import tqdm

    return tqdm(
        headers, total=count, desc="check: headers", unit="file", file=sys.stderr, leave=False,
        disable=not sys.stderr.isatty(),
    )  # fmt: skip


check = CheckCommand()
