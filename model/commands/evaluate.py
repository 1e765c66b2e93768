"""``elsa evaluate``: the evaluations of a trained model, and the page of their numbers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from model.commands.command_line import Command, add_data
from model.errors import OptionError

#: As in model.evaluation.TASKS, which cannot be asked before torch is there.
TASK_NAMES = (
    "retrieval",
    "zero_shot",
    "localisation",
    "errors",
    "text_regression",
    "swap",
    "clusters",
    "map",
    "captioning",
)


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the folder that elsa train has written")
    add_data(parser)
    parser.add_argument(
        "--output", metavar="DIR", type=Path, required=True, help="for metrics.json, the figures and index.html"
    )
    parser.add_argument("--tasks", metavar="NAME,...", default="", help=f"of {', '.join(TASK_NAMES)}; all by default")
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="test by default")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        dest="settings",
        action="append",
        default=[],
        help="another value for an option, such as noise_db=[10,0] or tut=FOLDER; may be given again",
    )
    parser.add_argument(
        "--train-data",
        metavar="RELEASE",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        help="releases whose train split the readout and the like learn from; those of --data by default",
    )
    parser.add_argument(
        "--beside",
        metavar="DIR",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        help="outputs of earlier evaluations, whose numbers stand on the page too",
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that decode; 0, the default, uses none")


def _evaluate(arguments: argparse.Namespace) -> int:
    from model.evaluation import evaluate as evaluate_model
    from model.evaluation.options import read_options

    tasks = [name.strip() for name in arguments.tasks.split(",") if name.strip()]
    for task in tasks:
        if task not in TASK_NAMES:
            raise OptionError(f"--tasks: unknown task {task}; one of {', '.join(TASK_NAMES)}")
    metrics = evaluate_model(
        arguments.run_folder,
        arguments.data,
        arguments.output,
        tasks=tasks,
        split=arguments.split,
        train_releases=arguments.train_data,
        options=read_options(arguments.settings),
        beside=arguments.beside,
        workers=max(0, arguments.workers),
        told=lambda text: print(f"elsa evaluate: {text}", file=sys.stderr, flush=True),
    )
    missing = 0
    # Errors by bin are a page of their own.
    for line, skipped in _lines({task: scores for task, scores in metrics["tasks"].items() if task != "errors"}):
        print(line, file=sys.stderr if skipped else sys.stdout)
        missing += skipped
    print(f"{arguments.output / 'index.html'}: {metrics['rows']} rows")
    return 1 if missing else 0


def _lines(scores: dict[str, object], path: str = "") -> list[tuple[str, bool]]:
    """A line for each score, and whether it is one that is missing."""
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
