"""Runs the tutorial without Jupyter and saves its outputs: `python -m tests.notebook`."""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
#: Small enough for a repository, large enough to read.
_FIGURE_DPI = 60
#: A line that Jupyter gives to the shell, with the lines that a backslash continues it by.
_SHELL = re.compile(r"^!((?:.*\\\n)*.*)$", re.MULTILINE)

#: Runs a command line and returns what it printed; raises where the command fails.
RunShell = Callable[[str], str]


class Audio:
    """Stands for IPython's player of that name where IPython is not installed; it refuses what no player can play."""

    def __init__(self, data: Any, rate: int) -> None:
        samples = np.asarray(data)
        assert samples.ndim == 1 or (samples.ndim == 2 and samples.shape[0] == 2), samples.shape
        assert samples.size
        assert np.isfinite(samples).all()
        assert rate > 0

    def __repr__(self) -> str:
        return "<IPython.lib.display.Audio object>"


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook of format 4, as its JSON holds it."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4, notebook["nbformat"]
    return notebook


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells with code, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_cell(source: str, namespace: dict[str, Any], shell: RunShell) -> list[dict[str, Any]]:
    """Runs a cell in a namespace and returns its outputs as a notebook holds them: text, last value, figures."""
    printed = io.StringIO()
    namespace["__shell__"] = lambda line: print(shell(line), end="")
    tree = ast.parse(_SHELL.sub(lambda match: f"__shell__({match[1]!r})", source))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace) if last is not None else None
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = _lines(value._repr_html_())
        outputs.append({"output_type": "execute_result", "execution_count": None, "data": data, "metadata": {}})
    for number in plt.get_fignums():
        target = io.BytesIO()
        plt.figure(number).savefig(target, format="png", dpi=_FIGURE_DPI, metadata={"Software": None})
        plt.close(number)
        image = base64.b64encode(target.getvalue()).decode()
        outputs.append({"output_type": "display_data", "data": {"image/png": image}, "metadata": {}})
    return outputs


def run_notebook(notebook: dict[str, Any], shell: RunShell) -> dict[str, Any]:
    """Runs all code cells in order in the working directory, keeps their outputs, and returns the namespace."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with _ipython():
        for number, cell in enumerate(code_cells(notebook), 1):
            try:
                cell["outputs"] = run_cell("".join(cell["source"]), namespace, shell)
            except Exception as error:
                error.add_note(f"in code cell {number} of the notebook")
                raise
            cell["execution_count"] = number
            for output in cell["outputs"]:
                if output["output_type"] == "execute_result":
                    output["execution_count"] = number
    return namespace


def write_notebook(notebook: dict[str, Any], path: Path) -> None:
    """Writes a notebook as Jupyter does."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run_as_typed(line: str) -> str:
    """Runs a line in a shell that finds this checkout's `elsa`; raises CalledProcessError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = Path(folder, "elsa")
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pipeline.command "$@"\n')
        command.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        }
        return subprocess.run(line, shell=True, env=environment, text=True, stdout=subprocess.PIPE, check=True).stdout


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


@contextlib.contextmanager
def _ipython() -> Any:
    """Puts a stand-in for IPython.display in place while cells run, where IPython is not installed."""
    if importlib.util.find_spec("IPython") is not None:
        yield
        return
    display = ModuleType("IPython.display")
    display.Audio, display.display = Audio, print  # type: ignore[attr-defined]
    # Not the package itself: matplotlib takes that for a sign that it runs in a notebook.
    sys.modules[display.__name__] = display
    try:
        yield
    finally:
        del sys.modules[display.__name__]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.notebook", description=__doc__)
    parser.add_argument("notebook", type=Path, nargs="?", default=TUTORIAL, help="default: docs/tutorial.ipynb")
    path = parser.parse_args().notebook.resolve()
    notebook = read_notebook(path)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        run_notebook(notebook, run_as_typed)
    write_notebook(notebook, path)


if __name__ == "__main__":
    main()
