"""Values of options are read or refused before anything starts."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pipeline.commands.arguments import (
    UnusableArgument,
    parse_share,
    recipe_or_fail,
    refuse_missing_file,
    refuse_missing_folder,
)


@pytest.mark.parametrize(("text", "share"), [("15%", 0.15), ("0.15", 0.15), (" 0 ", 0.0), ("100 %", 1.0), ("1", 1.0)])
def test_a_share_is_a_number_or_a_percentage(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["15", "-1%", "101%", "nan", "", "%", "a few", "inf", "5%%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no share such as"):
        parse_share(text)


def test_a_path_that_is_there_is_not_offered_as_another_path(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    said = []
    for name in ("folder", "link", "fils"):
        with pytest.raises(UnusableArgument) as caught:
            refuse_missing_file("--answers", str(tmp_path / name))
        said.append(str(caught.value).removeprefix(f"--answers {tmp_path}/{name} cannot be read: "))
    assert said == ["it is a folder", "it is a link to nothing", f"no such file; did you mean {tmp_path}/file?"]
    said = []
    for name in ("file", "link", "folders"):
        with pytest.raises(UnusableArgument) as caught:
            refuse_missing_folder(str(tmp_path / name))
        said.append(str(caught.value).replace(f"{tmp_path}/", ""))
    assert said == [
        "file is a file, not a folder",
        "link is a link to nothing",
        "no such folder: folders; did you mean folder?",
    ]


def test_what_is_unusable_in_a_recipe_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe_or_fail(argparse.Namespace(recipe="folder", settings=["seeds=1"])) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("elsa: no recipe key is named seeds")
    recipe = recipe_or_fail(argparse.Namespace(recipe="folder", settings=["seed=7"]))
    assert recipe is not None
    assert recipe.seed == 7
