"""The variety of captions by their writer, as a table in Markdown; run `python -m tests.benchmarks.variety`."""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.recipe import load_recipe
from prompts import prompt_names
from tests.benchmarks.caption_check import ANSWERS
from transforms.captions.rewriting import rewrite
from transforms.captions.template import template_caption
from transforms.captions.variety import CaptionSample, measure_variety, read_caption
from transforms.captions.variety.measure import rarefied
from transforms.seeds import derive_seed
from transforms.words import VOCABULARY, SpatialWords

#: Captions with the words of a row and what a strong writer makes of both in one of six styles, all written for this.
PROSE = Path(__file__).parent / "style_prose.csv"
#: The frames are also counted in so many captions, which a style of that file has.
FEWEST = 30
#: The seeds of the template for each caption of that file: 200 captions make a thousand.
SEEDS = 5

HEADER = (
    "| captions | n | frames | in 30 | in 100 | begin with the place | only add (before, behind) "
    "| bigrams in 1,000 | new words |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)

Pair = tuple[str, str]


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def words_of(row: dict[str, str]) -> SpatialWords:
    """The words of space of a row of PROSE."""
    return SpatialWords(**{attribute: row[attribute] or None for attribute in VOCABULARY})


def template_pairs() -> Iterator[Pair]:
    """What the template writes for the captions of PROSE."""
    for number, row in enumerate(rows_of(PROSE)):
        for seed in range(SEEDS):
            yield template_caption(row["caption"], words_of(row), derive_seed(number, seed)), row["caption"]


def local_pairs(prompt: str, count: int) -> Iterator[Pair]:
    """What the model of this machine writes for the first captions of PROSE, as far as the check keeps it."""
    job = load_recipe("folder", ["caption.writer=local", f"caption.prompt={prompt}", "caption.tries=4"]).caption_job()
    questions, writer = job.questions(), job.open_writer()
    requests = [
        request
        for number, row in enumerate(rows_of(PROSE)[:count])
        for request in questions.of_row(f"train/{number}#0", derive_seed(number), [row["caption"]], words_of(row))
    ]
    for caption, _ in rewrite(requests, writer, questions):
        if caption.status == "rewritten":
            yield caption.text, caption.original


def labelled_pairs(prompt: str, *, right: bool) -> Iterator[Pair]:
    """Answers of SmolLM2 with a prompt, from the labelled ones: the right ones, else all of them."""
    for row in rows_of(ANSWERS):
        if (row["prompt"], row["origin"]) == (prompt, "model") and (row["verdict"] == "right" or not right):
            yield row["answer"], row["caption"]


def file_pairs(path: Path) -> Iterator[Pair]:
    """The correct captions of a CSV file with the columns `original`, `caption` and `correct`."""
    return ((row["caption"], row["original"]) for row in rows_of(path) if row["correct"] == "1")


def release_pairs(release: Path, status: str) -> Iterator[Pair]:
    """The captions of a release with a status, in the order in which a build measures them."""
    sample = CaptionSample()
    columns = ("id", "captions", "captions_original", "caption_status")
    for path in release.glob("*/*/metadata.parquet"):
        for row in pq.read_table(path, columns=list(columns)).to_pylist():
            for index, values in enumerate(zip(*(row[name] for name in columns[1:]), strict=True)):
                if values[2] == status:
                    sample.add(row["id"], index, *values[:2])
    return sample.pairs()


def line(name: str, pairs: Sequence[Pair]) -> str:
    """A row of the table."""
    variety = measure_variety(pairs)
    readings = [reading for pair in pairs if (reading := read_caption(*pair)).has_place][: variety.captions]
    cells = (
        f"{variety.captions:,}",
        f"{variety.frames}",
        _number(rarefied(Counter(reading.frame for reading in readings), variety.captions, FEWEST)),
        _number(variety.frames_per_100),
        _percent(variety.begins_with_place),
        f"{_percent(variety.adds_only)} ({_percent(variety.adds_before)}, {_percent(variety.adds_behind)})",
        _number(variety.bigrams_per_1000),
        _percent(variety.new_word_share),
    )
    return f"| {name} | {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def measured(options: argparse.Namespace) -> Iterator[tuple[str, Iterable[Pair]]]:
    """The name of each row of the table, and its captions with their originals."""
    yield "SmolLM2, prompt `paper`, all answers", labelled_pairs("paper", right=False)
    yield "SmolLM2, prompt `place`, right answers", labelled_pairs("place", right=True)
    for prompt, _, count in (asked.partition("=") for asked in options.local):
        yield f"local model, prompt `{prompt}`", local_pairs(prompt, int(count))
    for release in options.release:
        yield f"`{release.name}`, by its model", release_pairs(release, "rewritten")
    yield "template", template_pairs()
    prose = rows_of(PROSE)
    for style in sorted({row["style"] for row in prose} & set(prompt_names())):
        yield (
            f"strong writer, style `{style}`",
            [(row["answer"], row["caption"]) for row in prose if row["style"] == style],
        )
    yield "strong writer, all styles", [(row["answer"], row["caption"]) for row in prose]
    for path in options.answers:
        yield f"strong writer, `{path.name}`", file_pairs(path)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--local", action="append", default=[], metavar="PROMPT=N", help="ask the local model for N captions"
    )
    parser.add_argument("--release", type=Path, action="append", default=[], help="a release with a model's captions")
    parser.add_argument("--answers", type=Path, action="append", default=[], help="a CSV: original, caption, correct")
    print(HEADER)
    for name, pairs in measured(parser.parse_args()):
        print(line(name, list(pairs)), flush=True)


if __name__ == "__main__":
    main()
