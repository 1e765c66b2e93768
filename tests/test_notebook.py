"""The tutorial runs from its first cell to its last, offline, and the outputs that are saved in it are its own."""

from __future__ import annotations

import contextlib
import copy
import io
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.command import main
from tests.notebook import TUTORIAL, Audio, code_cells, read_notebook, run_cell, run_notebook

REFRESH = "python -m tests.notebook saves the outputs again"


def in_this_process(line: str) -> str:
    """Runs a line that begins with `elsa` as the shell would split it, and returns what it printed."""
    command, *words = shlex.split(line.replace("\\\n", " "))
    assert command == "elsa"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(words) == 0, line
    return printed.getvalue()


def printed_text(cell: dict[str, Any]) -> str:
    return "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")


def kinds(cell: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(output["output_type"], *sorted(output.get("data", ()))) for output in cell["outputs"]]


@pytest.mark.slow
def test_the_tutorial_runs_and_its_saved_outputs_are_those_of_this_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    saved = read_notebook(TUTORIAL)
    run = copy.deepcopy(saved)
    left = run_notebook(run, in_this_process)
    rows = left["rows"]
    assert len(rows) == 10
    assert rows.caption.str.len().gt(10).all()
    assert left["error_deg"].abs().median() < 20
    assert left["ears"].shape == (len(left["foa"]), 2)
    # The row that is listened to comes from the left, so the left ear has more of it.
    assert (left["ears"] ** 2).mean(axis=0).argmax() == 0
    if left["torch"] is not None:
        assert left["audio"].shape == (4, 4, 4 * 48_000)
    for number, (old, new) in enumerate(zip(code_cells(saved), code_cells(run), strict=True), 1):
        assert kinds(old) == kinds(new), f"code cell {number}: {REFRESH}"
        assert printed_text(old) == printed_text(new), f"code cell {number}: {REFRESH}"


def test_the_saved_notebook_is_small_and_was_run_in_order() -> None:
    assert TUTORIAL.stat().st_size < 300_000
    counts = [cell["execution_count"] for cell in code_cells(read_notebook(TUTORIAL))]
    assert counts == list(range(1, len(counts) + 1))


def test_links_of_the_tutorial_lead_to_pages() -> None:
    text = "".join(line for cell in read_notebook(TUTORIAL)["cells"] for line in cell["source"])
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    assert targets
    assert [target for target in targets if not (TUTORIAL.parent / target).exists()] == []


def test_a_shell_line_goes_to_the_shell_with_the_lines_that_continue_it() -> None:
    lines = []

    def shell(line: str) -> str:
        lines.append(line.split())
        return "done\n"

    source = "before = 1\n!elsa build \\\n    --limit 2\n!elsa verify\nafter = before + 1"
    namespace: dict[str, Any] = {}
    outputs = run_cell(source, namespace, shell)
    assert lines == [["elsa", "build", "\\", "--limit", "2"], ["elsa", "verify"]]
    assert namespace["after"] == 2
    assert outputs[0]["text"] == ["done\n", "done\n"]


def test_an_error_says_which_cell_it_was_in() -> None:
    notebook = {"cells": [{"cell_type": "code", "source": ["1 / 0"], "outputs": []}]}
    with pytest.raises(ZeroDivisionError) as caught:
        run_notebook(notebook, in_this_process)
    assert "code cell 1" in caught.value.__notes__[0]


@pytest.mark.parametrize("samples", [np.zeros((10, 4)), np.zeros(0), np.full(10, np.nan)])
def test_a_player_refuses_what_nobody_can_hear(samples: np.ndarray) -> None:
    with pytest.raises(AssertionError):
        Audio(samples, rate=48_000)
