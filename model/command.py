"""The commands train, evaluate and embed, as the ``elsa`` command takes them: name, help, configure and run.

Nothing here imports torch before ``run``: help is fast, and works without it. Exit codes: 0 done; 1 it ran and
something is missing, said on one line each; 2 it could not start, on one line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: The extra's packages: where one of them is missing, the answer is to install the extra.
_EXTRA_PACKAGES = {"torch", "transformers", "safetensors", "huggingface_hub", "soxr", "soundfile", "matplotlib"}
_INSTALL = 'pip install "elsa-spatial-audio[model]"'


@dataclass(frozen=True)
class Command:
    """A subcommand of ``elsa``: ``configure`` fills its parser, ``run`` does it and returns the exit code."""

    name: str
    help: str
    example: str
    _configure: Callable[[argparse.ArgumentParser], None]
    _run: Callable[[argparse.Namespace], int]

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments, and an example below the help."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = f"example:\n  {self.example}"
        self._configure(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Does it; what a user can cause ends as one line on standard error, not as a traceback."""
        try:
            return self._run(arguments)
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            if package not in _EXTRA_PACKAGES:
                raise
            return self._refuse(f"{package} is not installed: {_INSTALL}")
        except (_OptionError, OSError) as error:
            return self._refuse(str(error))
        except ValueError as error:
            # Known only now, since their module needs torch.
            from model.configuration import ConfigurationError
            from model.data import ReleaseUnreadable, SoundUnreadable
            from model.elsa import ModelUnreadable

            if isinstance(error, SoundUnreadable):
                self._refuse(str(error))
                return 1
            if isinstance(error, (ConfigurationError, ReleaseUnreadable, ModelUnreadable)):
                return self._refuse(str(error))
            raise

    def _refuse(self, text: str) -> int:
        print(f"elsa {self.name}: {' '.join(text.split())}", file=sys.stderr)
        return 2


class _OptionError(ValueError):
    """An option that cannot be used."""


def _configure_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("configuration", metavar="CONFIG", help="a shipped name (elsa-tiny, elsa-small) or a YAML file")
    _add_data(parser)
    parser.add_argument("--output", metavar="RUN", type=Path, required=True, help="the folder of the run, new or empty")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        dest="settings",
        action="append",
        default=[],
        help="another value for a key, such as training.epochs=5; may be given again",
    )


def _train(arguments: argparse.Namespace) -> int:
    from model.configuration import read_configuration
    from model.training import train as train_model

    configuration = read_configuration(arguments.configuration, arguments.settings)
    try:
        result = train_model(configuration, arguments.data, arguments.output)
    except FloatingPointError as error:
        print(f"elsa train: {error}", file=sys.stderr)
        return 1
    print(f"{result.run}: epoch {result.best_epoch + 1} kept, validation loss {result.validation_loss:.4f}")
    return 0


def _configure_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the folder that elsa train has written")
    _add_data(parser)
    parser.add_argument("--output", metavar="DIR", type=Path, required=True, help="for metrics.json and the figures")
    parser.add_argument(
        "--tasks", metavar="NAME,...", default="", help="retrieval, zero_shot, localisation; all by default"
    )
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="test by default")


def _evaluate(arguments: argparse.Namespace) -> int:
    from model.evaluation import TASKS
    from model.evaluation import evaluate as evaluate_model

    tasks = [name.strip() for name in arguments.tasks.split(",") if name.strip()]
    for task in tasks:
        if task not in TASKS:
            raise _OptionError(f"--tasks: unknown task {task}; one of {', '.join(TASKS)}")
    metrics = evaluate_model(arguments.run_folder, arguments.data, arguments.output, tasks=tasks, split=arguments.split)
    missing = 0
    for line, skipped in _lines(metrics["tasks"]):
        print(line, file=sys.stderr if skipped else sys.stdout)
        missing += skipped
    print(f"{arguments.output / 'metrics.json'}: {metrics['rows']} rows")
    return 1 if missing else 0


def _lines(scores: dict[str, object], path: str = "") -> list[tuple[str, bool]]:
    """A line for each score, and whether it is one that is missing."""
    lines: list[tuple[str, bool]] = []
    for name, value in scores.items():
        where = f"{path} {name}".strip()
        if not isinstance(value, dict):
            continue
        if "skipped" in value:
            lines.append((f"{where}: not scored, {value['skipped']}", True))
        elif "interval_95" in value:
            low, high = value["interval_95"]
            chance = "" if value["chance"] is None else f", chance {value['chance']:.3f}"
            lines.append((f"{where}: {value['value']:.3f} [{low:.3f}, {high:.3f}], n {value['n']}{chance}", False))
        else:
            lines += _lines(value, where)
    return lines


def _configure_embed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the folder that elsa train has written")
    parser.add_argument(
        "--audio",
        metavar="FILE",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        help="sound files: four channels are ambisonics (AmbiX), one is sound without space",
    )
    parser.add_argument("--text", metavar="STRING", nargs="+", action="extend", default=[], help="sentences")
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help=".parquet or .jsonl with the columns kind, name, embedding; JSON lines on standard output without it",
    )


def _embed(arguments: argparse.Namespace) -> int:
    if not arguments.audio and not arguments.text:
        raise _OptionError("nothing to embed: give --audio or --text")
    output: Path | None = arguments.output
    if output is not None and output.suffix not in (".parquet", ".jsonl"):
        raise _OptionError(f"--output {output}: a name in .parquet or .jsonl is expected")
    if output is not None and not output.absolute().parent.is_dir():
        raise _OptionError(f"--output {output}: no such folder")

    from model.data import SoundUnreadable
    from model.embedding import Embedder

    embedder = Embedder.from_run(arguments.run_folder, "auto")
    rows: list[dict[str, object]] = []
    missing = 0
    for file in arguments.audio:
        try:
            rows.append({"kind": "audio", "name": str(file), "embedding": embedder.audio([file])[0].tolist()})
        except SoundUnreadable as error:
            print(f"elsa embed: {error}", file=sys.stderr)
            missing += 1
    if arguments.text:
        vectors = embedder.text(arguments.text).tolist()
        rows += [
            {"kind": "text", "name": text, "embedding": vector}
            for text, vector in zip(arguments.text, vectors, strict=True)
        ]
    if output is None:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
    else:
        _write_rows(rows, output)
    return 1 if missing else 0


def _write_rows(rows: list[dict[str, object]], output: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = output.with_name(output.name + ".part")
    if output.suffix == ".parquet":
        fields = [("kind", pa.string()), ("name", pa.string()), ("embedding", pa.list_(pa.float32()))]
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), part)
    else:
        part.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    part.replace(output)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="RELEASE",
        nargs="+",
        action="extend",
        type=Path,
        required=True,
        help="folders of releases, as elsa build writes them",
    )


train = Command(
    "train",
    "train ELSA on releases",
    "elsa train elsa-small --data out/release --output out/run --set training.epochs=5",
    _configure_train,
    _train,
)
evaluate = Command(
    "evaluate",
    "evaluate a trained model on releases",
    "elsa evaluate out/run --data out/release --output out/evaluation --tasks zero_shot,localisation",
    _configure_evaluate,
    _evaluate,
)
embed = Command(
    "embed",
    "embed sounds and sentences with a trained model",
    'elsa embed out/run --audio dog.flac --text "a dog barking on the left" --output out/embeddings.parquet',
    _configure_embed,
    _embed,
)
