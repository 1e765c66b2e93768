"""The paper's numbers in one table, each with its source.

``P`` is from the paper's camera-ready text. ``M`` is from memory, not checked against the paper's tables; ``M+`` is
from memory, and a second source or a sum agrees. ``D`` is derived from the paper's text. The paper's data sets are
Spatial-Clotho, Spatial-AudioCaps, TUT 2018 and real recordings. So its numbers give a scale for ours; they are not a
comparison on equal data.
"""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str, ...]


@dataclass(frozen=True)
class PaperNumber:
    """A number of the paper that belongs to one of ours.

    Attributes:
        path: of our number, in the tasks of metrics.json.
        text: the printed number, in the unit of ours (shares in percent).
        where: the data set of the measurement.
        trust: P, M, M+ or D.
    """

    path: Path
    text: str
    where: str
    trust: str


def _zero_shot(attribute: str, elsa: str, clap: str, trust: str = "M") -> list[PaperNumber]:
    path = ("zero_shot", attribute, "accuracy")
    return [
        PaperNumber(path, elsa, "ELSA, Spatial-Clotho / Spatial-AudioCaps / real recordings", trust),
        PaperNumber(path, clap, "CLAP, the same", trust),
    ]


def _retrieval(way: str, audiocaps: tuple[str, str, str], clotho: tuple[str, str, str]) -> list[PaperNumber]:
    return [
        PaperNumber(("retrieval", "non_spatial", way, f"R@{rank}"), f"{a} / {c}", "ELSA, AudioCaps / Clotho", "M+")
        for rank, a, c in zip((1, 5, 10), audiocaps, clotho, strict=True)
    ]


NUMBERS: tuple[PaperNumber, ...] = (
    *_zero_shot("direction", "92.0 / 92.8 / 35.8 %", "28.2 / 29.3 / 27.3 %"),
    *_zero_shot("distance", "96.0 / 92.9 / 67.1 %", "48.0 / 54.3 / 53.0 %"),
    *_zero_shot("elevation", "100 / 100 / 72.1 %", "56.7 / 51.3 / 59.4 %"),
    *_zero_shot("room_size", "76.6 / 74.7 / – %", "46.3 / 66.5 / – %"),
    *_zero_shot("reverberation", "100 / 83.3 / – %", "57.3 / 52.5 / – %"),
    *_retrieval("text_to_audio", ("33.2", "68.2", "81.0"), ("15.0", "36.7", "50.8")),
    *_retrieval("audio_to_text", ("40.9", "74.4", "86.1"), ("20.1", "43.2", "55.4")),
    PaperNumber(("retrieval", "non_spatial", "text_to_audio", "MRR@10"), "44.2 %", "ELSA, AudioCaps, mAP@10", "M"),
    PaperNumber(("localisation", "tut_2018_real", "readout", "mean_angle_deg"), "14.97°", "ELSA, TUT 2018 REAL", "P"),
    PaperNumber(("localisation", "tut_2018_real", "readout", "mean_angle_deg"), "95.29°", "CLAP, the same", "P"),
    PaperNumber(("localisation", "tut_2018_real", "branch", "mean_angle_deg"), "12.4°", "Spatial LibriSpeech", "D"),
    PaperNumber(("text_regression", "direction", "accuracy"), "64.3 %", "ELSA", "P"),
    PaperNumber(("text_regression", "distance", "accuracy"), "76.5 %", "ELSA", "P"),
    PaperNumber(("text_regression", "elevation", "accuracy"), "55.1 %", "ELSA", "P"),
    PaperNumber(("swap", "classifier_accuracy"), "96.7 %", "ELSA", "P"),
    PaperNumber(("swap", "take_new"), "99.7 %", "ELSA", "P"),
    PaperNumber(("swap", "R@10_change"), "−0.2 %", "ELSA", "P"),
    PaperNumber(("swap", "keep_old_after_removal"), "0 %", "ELSA", "P"),
)


def numbers_for(path: Path) -> list[PaperNumber]:
    """The paper's numbers that belong to one of ours."""
    return [number for number in NUMBERS if number.path == path]
