"""The effect of each part of a model: variants are trained on one release, and their scores are put in a table.

    python -m tests.benchmarks.ablations RELEASE --output out/ablations --epochs 3
    python -m tests.benchmarks.ablations RELEASE --output out/ablations --only ours paper-branch --array out/tetrahedron

The paper's variants (its appendix A.6) are static intensity vectors instead of the learnt encoder, no regression
losses, and mixtures of spatial and non-spatial sound. Ours are the paper's branch, no branch, the direction only
through the fusion, no loss on words, and no defects of microphones in training. All learn from the same rows in the
same order. Two run at the same time, with one thread each.

The frozen semantic encoder encodes each row once for all variants. It reads only W, which rotations and reflections do
not change. A variant with other draws takes vectors of the same clip in the same room, with other noise and colouring.
Each FLAC file is also decoded once for all variants.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from model.augmentation import RECORDING_DEFECTS
from model.configuration import read_configuration
from model.training.frozen import DECODED, VIEWS
from model.training.phases import Training
from model.training.processes import Processes
from model.training.trainer import Trainer, splits

#: The settings of the branch of elsa-base.
_OF_THE_BRANCH = ("spatial_branch", "spatial_channels", "spatial_to_hz", "spatial_hidden", "direction_share", "n_fft")
_PAPER = read_configuration("elsa-base").model
# With every second frame, because all frames take twice the time.
_PAPER_BRANCH = (*(f"model.{name}={getattr(_PAPER, name)}" for name in _OF_THE_BRANCH), f"model.hop={2 * _PAPER.hop}")
_NO_REGRESSION = tuple(f"training.losses.{name}=0" for name in ("direction", "distance", "area", "branch"))
_NO_DEFECTS = tuple(f"data.augmentation.{name}=false" for name in ("misalignment", *RECORDING_DEFECTS))
#: The settings of each variant; the first is the model itself.
VARIANTS: dict[str, tuple[str, ...]] = {
    "ours": (),
    "paper-branch": _PAPER_BRANCH,
    "paper-branch-no-defects": (*_PAPER_BRANCH, *_NO_DEFECTS),
    "no-branch": ("model.spatial_branch=none",),
    "no-regression": _NO_REGRESSION,
    "static-intensity": ("model.spatial_branch=static", "model.direction_share=0"),
    "spatial-only": ("training.nonspatial_share=0",),
    "non-spatial-only": ("training.nonspatial_share=1",),
    "direction-through-fusion": ("model.direction_share=0",),
    "no-word-loss": ("training.losses.words=0",),
    "no-defects": _NO_DEFECTS,
}
#: Title, path in metrics.json, factor and decimals of each column.
COLUMNS: tuple[tuple[str, tuple[str, ...], float, int], ...] = (
    ("branch °", ("localisation", "clean", "branch", "mean_angle_deg"), 1, 1),
    ("readout °", ("localisation", "clean", "readout", "mean_angle_deg"), 1, 1),
    ("branch at 5 dB °", ("localisation", "noise_5_db", "branch", "mean_angle_deg"), 1, 1),
    ("distance m", ("localisation", "distance", "mean_absolute_error_m"), 1, 2),
    ("direction %", ("zero_shot", "direction", "accuracy"), 100, 1),
    ("distance %", ("zero_shot", "distance", "accuracy"), 100, 1),
    ("elevation %", ("zero_shot", "elevation", "accuracy"), 100, 1),
    ("room %", ("zero_shot", "room_size", "accuracy"), 100, 1),
    ("reverb. %", ("zero_shot", "reverberation", "accuracy"), 100, 1),
    ("spatial mAP@10 %", ("retrieval", "spatial_all_rows", "text_to_audio", "mAP@10"), 100, 1),
    ("semantic mAP@10 %", ("retrieval", "non_spatial_all_rows", "text_to_audio", "mAP@10"), 100, 1),
)


def prepare(shared_files: Mapping[str, Path], release: Path, settings: Sequence[str]) -> None:
    """Writes the files of a training: the output of the semantic encoder, and an empty file for decoded sound."""
    configuration = read_configuration("elsa-small", settings)
    trainer = Trainer(configuration, *splits(configuration, [release]), Processes(configuration.training.device))
    *_, phase = trainer.phases(shared_files[VIEWS])
    assert isinstance(phase, Training)
    for done, batches in phase.encode_views(trainer.processes):
        print(f"\rencoding, batch {done} of {batches}", end="", file=sys.stderr, flush=True)
    assert phase.views is not None
    phase.views.flush()
    trainer.training.at_rate(configuration.model.spatial_rate, shared_files[DECODED])


def elsa(words: Sequence[str], log: Path) -> None:
    """Runs the command with one thread. Its output goes to a file.

    Raises:
        RuntimeError: the command failed; the message has its last line.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("a", encoding="utf-8") as stream:
        ended = subprocess.run(
            [sys.executable, "-m", "pipeline.command", *words],
            stdout=stream,
            stderr=stream,
            env=environment,
            check=False,
        )
    if ended.returncode:
        lines = log.read_text(encoding="utf-8").split("\n")
        raise RuntimeError(f"elsa {words[0]}: {next((line for line in reversed(lines) if line), '')} ({log})")


def run_variant(
    name: str, arguments: argparse.Namespace, settings: Sequence[str], shared_files: Mapping[str, Path]
) -> None:
    """Trains and evaluates a variant; what is done already is not repeated."""
    run, log = arguments.output / name, arguments.output / f"{name}.log"
    data = ["--data", str(arguments.release)]
    if not run.exists():
        run.mkdir(parents=True)
        # The run removes its links in the end; the files remain.
        for inside, path in shared_files.items():
            os.link(path, run / inside)
    sets = [word for setting in (*settings, *VARIANTS[name]) for word in ("--set", setting)]
    elsa(["train", "elsa-small", *data, "--output", str(run), *sets], log)
    limits = ["--set", "noise_db=5", "--set", f"train_rows={arguments.train_rows}"]
    for folder, tasks, where in (
        ("evaluation", "retrieval,zero_shot,localisation", data),
        *((path.name, "zero_shot,localisation", ["--data", str(path)]) for path in arguments.array),
    ):
        output = run.with_name(f"{name}-{folder}")
        if not (output / "metrics.json").is_file():
            train_data = ["--train-data", str(arguments.release)]
            elsa(
                ["evaluate", str(run), *where, *train_data, "--output", str(output), "--tasks", tasks, *limits],
                log,
            )
    print(f"{name} is done", file=sys.stderr, flush=True)


def found(metrics: Mapping[str, Any], path: Sequence[str]) -> float | None:
    """A score of metrics.json; None if it is missing."""
    entry: Any = metrics["tasks"]
    for part in path:
        entry = entry.get(part, {})
    return entry.get("value")


def table(folder: Path, kind: str, names: Sequence[str]) -> str:
    """A Markdown table: a row for each variant, a column for each score."""
    lines = ["| |" + "".join(f" {title} |" for title, *_ in COLUMNS), "|---|" + "--:|" * len(COLUMNS)]
    for name in names:
        metrics = json.loads((folder / f"{name}-{kind}" / "metrics.json").read_text(encoding="utf-8"))
        cells = []
        for _, path, factor, digits in COLUMNS:
            value = found(metrics, path)
            cells.append("" if value is None else f"{factor * value:.{digits}f}")
        lines.append(f"| {name} |" + "".join(f" {cell} |" for cell in cells))
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Trains and evaluates the variants, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", metavar="RELEASE", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument(
        "--array", nargs="+", type=Path, default=[], help="releases that arrays have heard (receiver.kind=array)"
    )
    parser.add_argument("--train-rows", type=int, default=1000, help="rows that readouts learn from")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="a setting for all variants"
    )
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args(words)
    settings = [f"training.epochs={arguments.epochs}", "training.semantic_views=1", *arguments.settings]
    arguments.output.mkdir(parents=True, exist_ok=True)
    shared_files = {VIEWS: arguments.output / "encoded", DECODED: arguments.output / "decoded"}
    prepare(shared_files, arguments.release, settings)
    with ThreadPoolExecutor(arguments.processes) as pool:
        list(pool.map(lambda name: run_variant(name, arguments, settings, shared_files), arguments.only))
    for kind in ("evaluation", *(path.name for path in arguments.array)):
        print(f"\n{kind}\n\n{table(arguments.output, kind, arguments.only)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
