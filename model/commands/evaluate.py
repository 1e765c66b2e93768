"""``elsa evaluate``: evaluates a trained model on releases, and makes a page of the numbers."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from model.commands.command_line import Command, add_data, add_settings
from model.errors import OptionError, one_line
from model.evaluation import evaluate as evaluate_model
from model.evaluation.options import read_options
from model.evaluation.page import read_metrics
from model.evaluation.task_table import TASKS
from model.folders import SPLITS, check_model, check_splits


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a folder that elsa train has written")
    add_data(parser)
    parser.add_argument(
        "--output", metavar="DIR", type=Path, required=True, help="for metrics.json, the figures and index.html"
    )
    parser.add_argument("--tasks", metavar="NAME,...", default="", help=f"of {', '.join(TASKS)}; all by default")
    parser.add_argument("--split", default="test", choices=SPLITS, help="test by default")
    add_settings(parser, "noise_db=[10,0] or starss=FOLDER")
    parser.add_argument(
        "--train-data",
        metavar="RELEASE",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        help="releases whose train split the readout and other probes learn from; those of --data by default",
    )
    parser.add_argument(
        "--beside",
        metavar="DIR",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        help="outputs of earlier evaluations, whose numbers the page shows too",
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that decode; 0, the default, uses none")


def _evaluate(arguments: argparse.Namespace) -> int:
    tasks = [name.strip() for name in arguments.tasks.split(",") if name.strip()]
    for task in tasks:
        if task not in TASKS:
            near = difflib.get_close_matches(task, TASKS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(TASKS)} is expected"
            raise OptionError(f"--tasks: unknown task {task}; {hint}")
    if arguments.workers < 0:
        raise OptionError(f"--workers {arguments.workers}: a number from 0 is expected")
    options = read_options(arguments.settings)
    check_model(arguments.run_folder)
    check_splits(arguments.data, arguments.split)
    check_splits(arguments.train_data, "train")
    for folder in arguments.beside:
        read_metrics(folder)
    metrics = evaluate_model(
        arguments.run_folder,
        arguments.data,
        arguments.output,
        tasks=tasks,
        split=arguments.split,
        train_releases=arguments.train_data,
        options=options,
        beside=arguments.beside,
        workers=arguments.workers,
        report=lambda text: print(f"elsa evaluate: {text}", file=sys.stderr, flush=True),
    )
    missing = 0
    # The errors by bin are many; the page shows them.
    for line, skipped in _lines({task: scores for task, scores in metrics["tasks"].items() if task != "errors"}):
        print(one_line(line), file=sys.stderr if skipped else sys.stdout)
        missing += skipped
    print(f"{arguments.output / 'index.html'}: {metrics['rows']} rows")
    return 1 if missing else 0


def _lines(scores: dict[str, object], path: str = "") -> list[tuple[str, bool]]:
    """A line for each score, and whether the score is missing."""
    lines: list[tuple[str, bool]] = []
    if isinstance(scores.get("skipped"), str):
        lines.append((f"{path}: not scored, {scores['skipped']}", True))
    for name, value in scores.items():
        where = f"{path} {name}".strip()
        if not isinstance(value, dict):
            continue
        if "interval_95" in value:
            low, high = value["interval_95"]
            chance = "" if value["chance"] is None else f", chance {value['chance']:.3f}"
            lines.append((f"{where}: {value['value']:.3f} [{low:.3f}, {high:.3f}], n {value['n']}{chance}", False))
        else:
            lines += _lines(value, where)
    return lines


evaluate = Command(
    "evaluate",
    "evaluate a trained model on releases",
    "elsa evaluate out/run --data out/release --output out/evaluation --tasks zero_shot,localisation",
    _configure_evaluate,
    _evaluate,
)
