"""``elsa train``: trains a model on releases."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from model.commands.command_line import Command, add_data, add_settings
from model.configuration.run_configuration import read_configuration, read_sections
from model.errors import OptionError, TrainingDiverged, TrainingInterrupted
from model.folders import check_model, check_splits


def _configure_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "configuration", metavar="CONFIG", help="a shipped name (elsa-tiny, elsa-small, elsa-base) or a YAML file"
    )
    add_data(parser)
    parser.add_argument(
        "--output",
        metavar="RUN",
        type=Path,
        required=True,
        help="the folder of the run, new or empty; a run that was stopped, or that is to have more epochs, continues",
    )
    add_settings(parser, "training.epochs=5")
    parser.add_argument(
        "--init-from",
        metavar="RUN",
        type=Path,
        help="a run of a model of the same shape, whose weights a new training starts from",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only print the parts of the model, the steps and, after a few of them, the time that training will take",
    )


def _train(arguments: argparse.Namespace) -> int:
    read_sections(arguments.configuration, arguments.settings)
    check_splits(arguments.data, "train", "validation")
    if arguments.init_from is not None:
        check_model(arguments.init_from)
        if arguments.init_from.resolve() == arguments.output.resolve():
            raise OptionError("--init-from is the run itself; a larger training.epochs continues a finished run")

    from model.training import train as train_model
    from model.training.description import describe

    configuration = read_configuration(arguments.configuration, arguments.settings)
    # Only the first of several processes prints.
    prints = os.environ.get("RANK", "0") == "0"
    if arguments.dry_run:
        for line in describe(configuration, arguments.data):
            if prints:
                print(line)
        return 0
    try:
        result = train_model(configuration, arguments.data, arguments.output, init_from=arguments.init_from)
    except (TrainingDiverged, TrainingInterrupted) as error:
        if prints:
            print(f"elsa train: {error}", file=sys.stderr)
        return 1
    if prints:
        finished = "finished already, " if result.was_finished else ""
        print(
            f"{result.run}: {finished}epoch {result.best_epoch + 1} kept, mAP@10 {result.map_at_10:.3f} on spatial "
            f"captions, validation loss {result.validation_loss:.4f}"
        )
    return 0


train = Command(
    "train",
    "train ELSA on releases",
    "elsa train elsa-small --data out/release --output out/run --set training.epochs=5\n"
    "  accelerate launch --multi_gpu --num_processes 8 -m pipeline.command \\\n"
    "    train elsa-base --data out/release --output out/run",
    _configure_train,
    _train,
)
