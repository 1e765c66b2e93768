"""Measures the captions of scenes: the template against the check, a hostile endpoint, and answers labelled by hand.

The labelled answers are in tests/transforms/captions/scenes/answers.csv. Half of the scenes are held out: the check was
written by looking at the others alone.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.transforms.captions.scenes.drawn_scenes import draw_scene
from tests.transforms.captions.scenes.hostile_answers import OF_BINDING, hostile_answer
from transforms.captions.check import clean_answer
from transforms.captions.scenes import check_scene_caption, scene_caption
from transforms.scene_words import SceneWords, SourceWords, TimeRelation

ANSWERS = Path(__file__).parent.parent / "transforms" / "captions" / "scenes" / "answers.csv"
#: The kinds of wrong answers in which a sound has the place or the motion of another.
BINDING_KINDS = frozenset({"exchanged", "shared_place", "place_split", "motion_of_another"})
#: The reasons with which the check says so.
BINDING_REASONS = frozenset({"place_of_another", "motion_of_another", "unbound_place", "split_place"})


@dataclass(frozen=True)
class LabelledAnswer:
    """An answer about a scene, what a reader says of it, and what the check says."""

    id: str
    scene: SceneWords
    answer: str
    kind: str
    """What is wrong with it; empty for a right answer."""
    held_out: bool
    verdict: str | None


def labelled_answers(path: Path = ANSWERS) -> list[LabelledAnswer]:
    """The labelled answers, each with the verdict of the check."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    scenes = [_scene(row) for row in rows]
    return [
        LabelledAnswer(
            row["id"],
            scene,
            row["answer"],
            row["kind"],
            row["held_out"] == "yes",
            check_scene_caption(clean_answer(row["answer"]), scene),
        )
        for row, scene in zip(rows, scenes, strict=True)
    ]


def _scene(row: dict[str, str]) -> SceneWords:
    """The scene of a row: sounds as `A dog barks [direction=left distance=near] / …`, times as `1-then-2`."""
    sources = []
    for part in row["sources"].split(" / "):
        caption, words = part.removesuffix("]").split(" [")
        values = dict(word.split("=") for word in words.split())
        sources.append(SourceWords(caption, **{name: value.replace("_", " ") for name, value in values.items()}))
    times = [re.fullmatch(r"(\d)-(\w+)-(\d)", each) for each in row["times"].split()]
    relations = tuple(TimeRelation(int(each[1]) - 1, int(each[3]) - 1, each[2]) for each in times if each)
    return SceneWords(tuple(sources), row["room_size"] or None, row["reverberation"] or None, relations)


@dataclass(frozen=True)
class BindingScore:
    """How well the check finds wrong bindings."""

    recall: float
    """Of the answers with a wrong binding, the share that is refused for any reason."""
    precision: float
    """Of the answers refused for a binding, the share that is wrong."""
    right_refused: float
    """Of the right answers, the share that is refused for any reason."""
    wrong_passed: int
    """Wrong answers of any kind that pass."""


def binding_score(answers: Sequence[LabelledAnswer]) -> BindingScore:
    """The score of some answers."""
    bound = [answer for answer in answers if answer.kind in BINDING_KINDS]
    refused = [answer for answer in answers if answer.verdict in BINDING_REASONS]
    right = [answer for answer in answers if not answer.kind]
    return BindingScore(
        recall=sum(answer.verdict is not None for answer in bound) / len(bound),
        precision=sum(bool(answer.kind) for answer in refused) / len(refused),
        right_refused=sum(answer.verdict is not None for answer in right) / len(right),
        wrong_passed=sum(bool(answer.kind) and answer.verdict is None for answer in answers),
    )


def template_failures(count: int, seed: int) -> Counter[str | None]:
    """The verdicts of the check on template captions of random scenes."""
    draw = random.Random(seed)
    verdicts: Counter[str | None] = Counter()
    for number in range(count):
        scene = draw_scene(draw)
        verdicts[check_scene_caption(scene_caption(scene, number), scene)] += 1
    return verdicts


def hostile_verdicts(count: int, seed: int) -> dict[str, Counter[str | None]]:
    """The verdicts of the check on wrong answers, by what is wrong with them."""
    draw = random.Random(seed)
    verdicts: dict[str, Counter[str | None]] = {}
    for _ in range(count):
        scene = draw_scene(draw)
        kind, answer = hostile_answer(scene, draw)
        verdicts.setdefault(kind, Counter())[check_scene_caption(clean_answer(answer), scene)] += 1
    return verdicts


def main() -> None:
    """Prints the numbers of docs/captions.md; `--show` prints each answer that is judged wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=5000, help="random scenes for the template and the endpoint")
    parser.add_argument("--show", action="store_true", help="print each labelled answer that is judged wrongly")
    arguments = parser.parse_args()
    begin = time.process_time()
    verdicts = template_failures(arguments.scenes, 1)
    ms = (time.process_time() - begin) * 1000 / arguments.scenes
    print(
        f"template: {verdicts[None]} of {arguments.scenes} captions pass the check; {ms:.0f} ms to write and check one"
    )
    hostile = hostile_verdicts(arguments.scenes, 2)
    print("\n| hostile endpoint | answers | passed | refused most often for |\n|---|--:|--:|---|")
    for kind, found in sorted(hostile.items()):
        passed = found.pop(None, 0)
        reasons = ", ".join(f"`{reason}` {times}" for reason, times in found.most_common(3))
        print(f"| {kind.replace('_', ' ')} | {passed + found.total()} | {passed} | {reasons} |")
    answers = labelled_answers()
    print(
        "\n| labelled answers | right | wrong | recall of wrong bindings | precision | right refused | wrong passed |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, some in (("tuned on", False), ("held out", True)):
        half = [answer for answer in answers if answer.held_out is some]
        score = binding_score(half)
        right = sum(not answer.kind for answer in half)
        print(
            f"| {name} | {right} | {len(half) - right} | {score.recall:.3f} | {score.precision:.3f} | "
            f"{score.right_refused:.1%} | {score.wrong_passed} |"
        )
    print("\n| held out: kind | answers | passed | refused most often for |\n|---|--:|--:|---|")
    held_out = [answer for answer in answers if answer.held_out]
    for kind in sorted({answer.kind for answer in held_out}):
        counts = Counter(answer.verdict for answer in held_out if answer.kind == kind)
        total, passed = counts.total(), counts.pop(None, 0)
        reasons = ", ".join(f"`{reason}` {times}" for reason, times in counts.most_common(3))
        print(f"| {kind or 'right'} | {total} | {passed} | {reasons} |")
    for answer in answers if arguments.show else ():
        if bool(answer.kind) != (answer.verdict is not None):
            print(f"{answer.id} {answer.kind or 'right'} {answer.verdict or 'passes'}: {answer.answer}")
    bound = sum(count for kind in OF_BINDING for count in hostile.get(kind, Counter()).values())
    print(f"\n{bound} hostile answers bound a place or a motion wrongly")


if __name__ == "__main__":
    main()
