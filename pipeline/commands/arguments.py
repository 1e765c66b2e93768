"""The arguments that several commands share, and a first look at them that needs no Beam and takes no time."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.command import fail, nearest
from pipeline.commands.beam_flags import UnknownFlag, refuse_unknown_flags

if TYPE_CHECKING:
    from pipeline.recipe import Recipe


class UnusableArgument(ValueError):
    """An argument that cannot be used; one line for the user."""


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares RECIPE, --input, --set and --limit, as build and plan take them."""
    parser.add_argument("recipe", metavar="RECIPE", help="name of a shipped recipe, or a YAML file")
    parser.add_argument("--input", required=True, metavar="DIR", help="the folder with the recordings and their list")
    add_settings_argument(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="take only N clips, dealt out over the splits")


def add_settings_argument(parser: argparse.ArgumentParser) -> None:
    """Declares --set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="overrides a key of the recipe; a list is [a,b]",
    )


def add_own_files_argument(parser: argparse.ArgumentParser) -> None:
    """Declares --set of a command that renders rows of a release: where files are that its recipe names."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=PATH",
        dest="settings",
        help="where a file or folder is that the recipe of the release names, such as scenes.ambience",
    )


def refuse_other_settings(settings: list[str]) -> None:
    """Raises UnusableArgument if a setting of `add_own_files_argument` has another key than one of a file."""
    from pipeline.sections.own_files import OWN_FILE_KEYS

    for setting in settings:
        key = setting.partition("=")[0].strip()
        if key not in OWN_FILE_KEYS:
            known = ", ".join(OWN_FILE_KEYS)
            raise UnusableArgument(f"--set {key}: a release keeps its own recipe; only files are set: {known}")


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The recipe with --set and --limit laid over it.

    Raises:
        RecipeError: when the recipe, a key or a value cannot be used.
    """
    from pipeline.recipe import load_recipe

    limit = getattr(arguments, "limit", None)
    settings = [*arguments.settings, *([f"limit={limit}"] if limit is not None else [])]
    return load_recipe(arguments.recipe, settings)


def recipe_or_fail(arguments: argparse.Namespace) -> Recipe | None:
    """The recipe of a command line; None after a line on stderr that names the first unusable argument."""
    from pipeline.recipe import RecipeError

    try:
        return load_checked_recipe(arguments)
    except (RecipeError, UnknownFlag, UnusableArgument) as error:
        fail(str(error))
        return None


def load_checked_recipe(arguments: argparse.Namespace) -> Recipe:
    """The recipe, after a look at everything that can be wrong on the command line; imports no Beam.

    Raises:
        UnknownFlag, UnusableArgument, RecipeError: naming the first thing that is wrong.
    """
    own = [name for name in vars(arguments) if name not in ("beam_options", "command", "recipe", "settings")]
    refuse_unknown_flags(
        getattr(arguments, "beam_options", ()), ["--set", *(f"--{name.replace('_', '-')}" for name in own)]
    )
    recipe = recipe_of(arguments)
    if getattr(arguments, "input", None) is not None:
        refuse_missing_folder(arguments.input)
    if getattr(arguments, "answers", None) is not None:
        refuse_missing_file("--answers", arguments.answers)
    return recipe


def refuse_missing_folder(path: str) -> None:
    """Raises UnusableArgument unless a local path is a folder; an address such as gs://… is looked at later."""
    if "://" in path or Path(path).is_dir():
        return
    if Path(path).exists():
        raise UnusableArgument(f"{path} is a file, not a folder")
    if Path(path).is_symlink():
        raise UnusableArgument(f"{path} is a link to nothing")
    raise UnusableArgument(f"no such folder: {path}{_nearest_path(path)}")


def refuse_missing_file(option: str, path: str) -> None:
    """Raises UnusableArgument unless a local path is a file."""
    if "://" in path or Path(path).is_file():
        return
    problem = f"no such file{_nearest_path(path)}"
    if Path(path).is_dir():
        problem = "it is a folder"
    elif Path(path).exists():
        problem = "it is no regular file"
    elif Path(path).is_symlink():
        problem = "it is a link to nothing"
    raise UnusableArgument(f"{option} {path} cannot be read: {problem}")


def _nearest_path(path: str) -> str:
    parent = Path(path).parent
    try:
        return nearest(path, [str(entry) for entry in parent.iterdir()])
    except OSError:
        return ""


def parse_share(text: str) -> float:
    """A share between 0 and 1, from `15%`, `15 %` or `0.15`.

    Raises:
        argparse.ArgumentTypeError: for anything else.
    """
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100.0 if number != text.strip() else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no share such as 15% or 0.15")
    return share
