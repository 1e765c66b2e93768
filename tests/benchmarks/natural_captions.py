"""The check of captions measured on captions by strong writers: what it refuses of the right, what passes of the wrong.

A file has a row for each caption: `original`, the five attributes, `caption`, `correct` (1 or 0), and `fault`, whose
first word is its kind: place, content or form. Each right caption is also held against rows with one word of space
removed, added or swapped, for which it is wrong.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from transforms.captions.check import check_caption, clean_answer
from transforms.captions.check.place import check_place
from transforms.words import VOCABULARY, SpatialWords

KINDS = ("place", "content", "form")


def read_captions(path: Path) -> list[tuple[str, str, SpatialWords, str]]:
    """Each caption with its original, its words and its kind: `correct`, `place`, `content` or `form`."""
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            (
                clean_answer(row["caption"]),
                row["original"],
                SpatialWords(**{attribute: row[attribute] or None for attribute in VOCABULARY}),
                "correct" if row["correct"] == "1" else row["fault"].partition(":")[0],
            )
            for row in csv.DictReader(lines)
        ]


def changed_rows(words: SpatialWords) -> list[tuple[str, SpatialWords]]:
    """The words with each one removed, swapped for another of its attribute, or one added."""
    changes = []
    for attribute, known in VOCABULARY.items():
        now = getattr(words, attribute)
        for word in (None, *known):
            if word != now:
                kind = "removed" if word is None else "added" if now is None else "swapped"
                changes.append((kind, replace(words, **{attribute: word})))
    return changes


def main() -> None:
    """Prints a table of both error rates, the reasons of refusals, and how many changed rows pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--show", action="store_true", help="print each caption that is judged wrongly")
    arguments = parser.parse_args()
    print(
        "| file | right, refused | wrong in place, passed | in content | in form | changed rows, passed | ms a check |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    shown: list[str] = []
    for path in arguments.files:
        captions = read_captions(path)
        begin = time.process_time()
        verdicts = [check_caption(caption, original, words) for caption, original, words, _ in captions]
        ms = (time.process_time() - begin) * 1000 / max(1, len(captions))
        number = Counter(kind for _, _, _, kind in captions)
        passed = Counter(kind for (_, _, _, kind), verdict in zip(captions, verdicts, strict=True) if verdict is None)
        refused = number["correct"] - passed["correct"]
        changes = [
            check_place(caption, original, changed) is None
            for caption, original, words, kind in captions
            if kind == "correct"
            for _, changed in changed_rows(words)
        ]
        of_wrong = " | ".join(f"{passed[kind]} of {number[kind]}" for kind in KINDS)
        share = 100 * refused / max(1, number["correct"])
        print(
            f"| `{path.name}` | {refused} of {number['correct']} ({share:.0f} %) | {of_wrong} | "
            f"{sum(changes)} of {len(changes)} | {ms:.1f} |"
        )
        reasons = Counter(
            verdict
            for (_, _, _, kind), verdict in zip(captions, verdicts, strict=True)
            if verdict and kind == "correct"
        )
        shown.append(f"{path.name}: {', '.join(f'{reason} {times}' for reason, times in reasons.most_common())}")
        if arguments.show:
            for (caption, original, words, kind), verdict in zip(captions, verdicts, strict=True):
                if (kind == "correct") == (verdict is not None):
                    place = ", ".join(words.present().values())
                    shown.append(f"  {kind} {verdict or 'passes'}: {original} [{place}] => {caption}")
    print("\nRight captions refused, by reason:")
    print("\n".join(shown))


if __name__ == "__main__":
    main()
