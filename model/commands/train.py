"""``elsa train``: trains a model on releases."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from model.commands.command_line import Command, add_data
from model.errors import OptionError


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
        help="the folder of the run, new or empty; a run that was stopped goes on",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        dest="settings",
        action="append",
        default=[],
        help="another value for a key, such as training.epochs=5; may be given again",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what it would be: the model's parts, the steps, and the time, after a few of them",
    )


def _train(arguments: argparse.Namespace) -> int:
    from model.configuration.run_configuration import read_configuration
    from model.errors import RunRefused, TrainingDiverged, TrainingInterrupted
    from model.training import train as train_model
    from model.training.description import describe

    configuration = read_configuration(arguments.configuration, arguments.settings)
    # Of several processes one tells.
    tells = os.environ.get("RANK", "0") == "0"
    try:
        if arguments.dry_run:
            for line in describe(configuration, arguments.data):
                if tells:
                    print(line)
            return 0
        result = train_model(configuration, arguments.data, arguments.output)
    except RunRefused as error:
        raise OptionError(str(error)) from None
    except (TrainingDiverged, TrainingInterrupted) as error:
        if tells:
            print(f"elsa train: {error}", file=sys.stderr)
        return 1
    if tells:
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
