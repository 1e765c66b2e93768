"""Measures the check of captions on answers labelled by hand: the precision and recall of every reason."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transforms.captions.check import check_caption, clean_answer
from transforms.words import VOCABULARY, SpatialWords

ANSWERS = Path(__file__).parent.parent / "transforms" / "captions" / "check" / "answers.csv"


@dataclass(frozen=True)
class Labelled:
    """An answer to a caption with words of space, with the reader's label and the verdict of the check."""

    caption: str
    words: SpatialWords
    answer: str
    reasons: tuple[str, ...]
    """Every reason for which the reader calls it wrong, the gravest first; empty for a right answer."""
    origin: str
    """`model` for a language model's own answer, `edited` for one that was changed or written by hand."""
    held_out: bool
    """True if the check has not been changed since the answer was read."""
    verdict: str | None
    """The reason for which the check refuses it, as a label names it; None if it passes."""

    @property
    def wrong(self) -> bool:
        return bool(self.reasons)


@dataclass(frozen=True)
class Score:
    """Precision and recall of one reason."""

    refused: int
    """Answers that the check refuses for this reason."""
    refused_wrong: int
    """Refused answers that the reader calls wrong, for any reason."""
    labelled: int
    """Answers that the reader calls wrong for this reason."""
    labelled_refused: int
    """Labelled answers that the check refuses, for any reason."""

    @property
    def precision(self) -> float:
        return self.refused_wrong / self.refused if self.refused else 1.0

    @property
    def recall(self) -> float:
        return self.labelled_refused / self.labelled if self.labelled else 1.0


def kind(reason: str) -> str:
    """The label's name for a reason of the check: `missing_direction` is `place_missing`."""
    of_place = {
        "hedged_place": "place_missing",
        "place_of_another": "place_missing",
        "split_place": "place_contradicts",
    }
    by_start = {"missing": "place_missing", "contradicts": "place_contradicts", "invents": "place_invented"}
    return of_place.get(reason) or by_start.get(reason.split("_")[0], reason)


def judged_answers(path: Path = ANSWERS) -> list[Labelled]:
    """The labelled answers, each with the verdict of the check."""
    with path.open(newline="", encoding="utf-8") as lines:
        return [_judged(row) for row in csv.DictReader(lines)]


def scores(answers: Sequence[Labelled]) -> dict[str, Score]:
    """The score of each reason that a label or the check gives, and of all reasons together as `all`."""
    named = Counter(answer.verdict for answer in answers if answer.verdict) + Counter(
        reason for answer in answers for reason in answer.reasons
    )
    table = {reason: _score(answers, reason) for reason in sorted(named)}
    return {**table, "all": _score(answers, None)}


def _score(answers: Sequence[Labelled], reason: str | None) -> Score:
    refused = [answer for answer in answers if answer.verdict and reason in (None, answer.verdict)]
    labelled = [answer for answer in answers if answer.wrong and (reason is None or reason in answer.reasons)]
    return Score(
        refused=len(refused),
        refused_wrong=sum(answer.wrong for answer in refused),
        labelled=len(labelled),
        labelled_refused=sum(answer.verdict is not None for answer in labelled),
    )


def _judged(row: dict[str, str]) -> Labelled:
    words = SpatialWords(**{attribute: row[attribute] or None for attribute in VOCABULARY})
    reason = check_caption(clean_answer(row["answer"]), row["caption"], words)
    return Labelled(
        caption=row["caption"],
        words=words,
        answer=row["answer"],
        reasons=tuple(row["reasons"].split()),
        origin=row["origin"],
        held_out=row["held_out"] == "yes",
        verdict=kind(reason) if reason else None,
    )


def _precision(score: Score) -> str:
    return f"{score.precision:.2f} of {score.refused}" if score.refused else "–"


def _recall(score: Score) -> str:
    return f"{score.recall:.2f} of {score.labelled}" if score.labelled else "–"


def main() -> None:
    """Prints the table of docs/captions.md, then the wrong answers that pass and the right ones that are refused."""
    answers = judged_answers()
    held_out = [answer for answer in answers if answer.held_out]
    for some in (answers, held_out):
        print(f"{len(some)} answers, {sum(answer.wrong for answer in some)} of them wrong")
    print("\n| reason | precision | recall | held out: precision | recall |")
    print("|---|--:|--:|--:|--:|")
    fresh = scores(held_out)
    for reason, score in scores(answers).items():
        numbers = [_precision(score), _recall(score)]
        also = [_precision(fresh[reason]), _recall(fresh[reason])] if reason in fresh else ["–", "–"]
        print(f"| `{reason}` | {' | '.join((*numbers, *also))} |")
    for answer in answers:
        if answer.wrong != (answer.verdict is not None):
            error = "passes wrong" if answer.wrong else f"refused right ({answer.verdict})"
            place = ", ".join(answer.words.present().values())
            reasons = ", ".join(answer.reasons)
            print(f"{'held out, ' if answer.held_out else ''}{error}: {reasons}: {answer.caption} [{place}]")
            print(f"    {answer.answer}")


if __name__ == "__main__":
    main()
