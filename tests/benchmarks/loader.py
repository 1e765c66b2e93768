"""The speed of loading samples without a model: decoding alone, and with augmentation.

    python tests/benchmarks/loader.py RELEASE... [--workers 0 1 2] [--clips 256]

First from FLAC files at the model's rate. Then, if the configuration stores decoded sound, from the file of decoded
clips at the spatial branch's rate. For each number of workers it prints samples per second and CPU milliseconds per
sample, of this process and its workers: for crops as a worker returns them, and for the audio that a model receives,
which includes the transforms. On a busy machine, only the CPU times can be compared. At the end it prints CPU
milliseconds of the parts in one thread: a crop by seeking, the whole file, and drawing and applying the augmentation.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import soundfile
import torch

from model.augmentation import Augmentation
from model.configuration import read_configuration
from model.data import ReleaseDataset, collate, load_batches


def tree_cpu_s() -> float:
    """CPU seconds of this process and all its descendants, including those of a fork server."""
    mine = psutil.Process()
    times = [each.cpu_times() for each in (mine, *mine.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def measure(dataset: ReleaseDataset, order: list, workers: int, batch_size: int, audio: bool) -> None:
    """Prints samples per second and CPU milliseconds per sample, after the first batch, which starts the workers."""
    whole = order[: len(order) // batch_size * batch_size]
    batches = load_batches(dataset, whole, batch_size=batch_size, workers=workers)
    first = next(batches)
    if audio:
        _ = first.audio
    started, used, count = time.perf_counter(), tree_cpu_s(), 0
    for batch in batches:
        if audio:
            _ = batch.audio
        count += len(batch.rows)
        seconds, spent = time.perf_counter() - started, tree_cpu_s() - used
    what = "audio" if audio else "crops"
    print(f"{what}, {workers} workers: {count / seconds:6.1f} samples/s, {1e3 * spent / count:5.1f} CPU ms per sample")


def part(name: str, calls: list[Callable[[], object]]) -> None:
    """Prints the mean CPU milliseconds of a call, after a first one."""
    calls[0]()
    started = time.process_time()
    for call in calls:
        call()
    print(f"{name:28} {1e3 * (time.process_time() - started) / len(calls):6.2f} CPU ms")


def main() -> None:
    """Prints the speeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("releases", metavar="RELEASE", nargs="+", type=Path)
    parser.add_argument("--configuration", default="elsa-small")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    configuration = read_configuration(arguments.configuration)
    shape = configuration.model
    dataset = ReleaseDataset(
        arguments.releases,
        "train",
        sample_rate=shape.sample_rate,
        clip_s=shape.clip_s,
        training=True,
        augmentation=Augmentation(),
        rows_an_epoch=arguments.clips,
    )
    order = dataset.turns(0)
    some = order[:64]

    def measure_all(read: ReleaseDataset, how: str) -> None:
        print(f"{len(read)} rows, {shape.clip_s} s at {read.sample_rate} Hz, batches of {arguments.batch_size}, {how}")
        for workers, audio in itertools.product(arguments.workers, (False, True)):
            measure(read, order, workers, arguments.batch_size, audio)

    measure_all(dataset, "from FLAC files")
    if configuration.training.keep_decoded:
        with tempfile.TemporaryDirectory() as folder:
            decoded = dataset.at_rate(shape.spatial_rate, Path(folder) / "decoded")
            for turn in order:
                decoded.crop(turn.row)
            measure_all(decoded, "decoded before")
    part("crop by seeking", [lambda turn=turn: dataset.crop(turn.row, 0.5) for turn in some])
    part("whole file", [lambda turn=turn: soundfile.read(dataset.path(turn.row), dtype="int16") for turn in some])
    part("a sample with its draws", [lambda turn=turn: dataset[turn] for turn in some])
    samples = [dataset[turn] for turn in some]
    part("transforms of a sample", [lambda each=each: collate([each]).audio for each in samples])


if __name__ == "__main__":
    main()
