"""How well exact room acoustics predict the words of distance and room size: a bound for any model that listens.

    python -m tests.benchmarks.known_acoustics RELEASE

Boosted trees learn the words from the exact T30, EDT, C50 and DRR of each row's own response in the split train, and
are tested on the split test. No model hears these numbers as exactly as the release states them. So words that do not
follow from them cannot be heard, except from single reflections. The last line also uses the exact floor area.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from model.targets import VOCABULARY

MEASURED = ("t30_ms", "edt_ms", "c50_db", "drr_db")
AREA = "floor_area_m2"


def values_and_words(
    rows: pa.Table, attribute: str, measured: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The measured values (n, measured) of rows with a word of the attribute, and whether it is the second word."""
    first, second = VOCABULARY[attribute]
    words = np.array(rows[attribute].to_pylist(), dtype=object)
    has_word = np.isin(words, (first, second))
    return np.stack([rows[name].to_numpy() for name in measured], axis=1)[has_word], words[has_word] == second


def main(words: Sequence[str] | None = None) -> int:
    """Prints a line for each attribute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", metavar="RELEASE", type=Path)
    arguments = parser.parse_args(words)
    columns = [*MEASURED, AREA, "distance", "room_size"]
    tables = {}
    for split in ("train", "test"):
        paths = sorted(arguments.release.glob(f"{split}/*/metadata.parquet"))
        tables[split] = pa.concat_tables(pq.read_table(path, columns=columns) for path in paths)
    for attribute, measured in (("distance", MEASURED), ("room_size", MEASURED), ("distance", (*MEASURED, AREA))):
        (numbers, second), (asked, true) = (values_and_words(table, attribute, measured) for table in tables.values())
        trees = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=300, random_state=0).fit(numbers, second)
        right = trees.predict(asked) == true
        balanced = np.mean([right[true].mean(), right[~true].mean()])
        result = f"{right.mean():.1%} right, balanced {balanced:.1%}, n = {len(true)}"
        print(f"{attribute} from {', '.join(measured)}: {result}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
