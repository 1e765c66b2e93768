"""The real recordings that the options name, and the output of a model for their parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.elsa.embedding import Embedder
from model.evaluation.collect import REPORT_EVERY_S, ModelOutput, run_on_clips
from model.evaluation.options import EvaluationOptions
from model.evaluation.recordings.parts import Part
from model.evaluation.recordings.reading import ACN, read_part
from model.evaluation.recordings.starss import read_starss
from model.evaluation.recordings.tut import read_tut

#: Clips that are in memory at one time.
_CLIPS = 64


@dataclass(frozen=True)
class Corpus:
    """Real recordings with labels, cut into parts in which a single source sounds.

    Attributes:
        name: its key in metrics.json.
        option: the option that names its folder. The draws of its intervals depend on it.
        folder: that the user typed.
        parts: of ``train`` and of ``test``.
        order, normalisation: of the channels.
    """

    name: str
    option: str
    folder: Path
    parts: dict[str, list[Part]]
    order: str
    normalisation: str


def read_corpora(options: EvaluationOptions) -> list[Corpus]:
    """Reads the labels of the real recordings that the options name.

    Raises:
        ReleaseUnreadable: a folder has another layout, or a file that cannot be used.
    """
    corpora = []
    if options.tut is not None:
        folder = Path(options.tut)
        corpora.append(
            Corpus("tut_2018_real", "tut", folder, read_tut(folder), options.tut_order, options.tut_normalisation)
        )
    if options.starss is not None:
        folder = Path(options.starss)
        corpora.append(Corpus("starss", "starss", folder, read_starss(folder), ACN, "SN3D"))
    return corpora


def run_on_parts(
    embedder: Embedder, corpus: Corpus, parts: Sequence[Part], report: Callable[[str], None] = lambda _: None
) -> ModelOutput:
    """Runs a model on parts of a corpus, each cropped to its middle, a few at a time.

    Raises:
        SoundUnreadable: a recording cannot be used.
    """
    config = embedder.model.config
    samples = round(config.clip_s * config.sample_rate)
    started = last = time.perf_counter()
    outputs = []
    for first in range(0, len(parts), _CLIPS):
        clips = [
            read_part(
                part,
                sample_rate=config.sample_rate,
                samples=samples,
                order=corpus.order,
                normalisation=corpus.normalisation,
            )
            for part in parts[first : first + _CLIPS]
        ]
        outputs.append(run_on_clips(embedder, clips))
        now, done = time.perf_counter(), first + len(clips)
        if now - last >= REPORT_EVERY_S:
            last, rate = now, done / (now - started)
            left = (len(parts) - done) / rate
            report(f"{done} of {len(parts)} parts of {corpus.folder}, {rate:.1f} parts/s, {left:.0f} s to go")
    return ModelOutput(
        audio=np.concatenate([output.audio for output in outputs]),
        direction={
            name: np.concatenate([output.direction[name] for output in outputs]) for name in outputs[0].direction
        },
        distance_m=np.concatenate([output.distance_m for output in outputs]),
    )
