"""How well the words of distance and room follow from what a listener could measure at best, without listening.

    python -m tests.benchmarks.known_acoustics RELEASE

Boosted trees learn the words on train from the exact T30, EDT, C50 and DRR of each row's own response, and are asked
on test. No model hears these numbers as exactly as they stand in the release, so what they do not tell is out of reach
of the ear, but for what single reflections may give away. A last line is on who knows the floor area exactly besides.
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


def known(rows: pa.Table, attribute: str, measured: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n, measured) and whether it is the attribute's second word, of the rows that have one."""
    first, second = VOCABULARY[attribute]
    words = np.array(rows[attribute].to_pylist(), dtype=object)
    told = np.isin(words, (first, second))
    return np.stack([rows[name].to_numpy() for name in measured], axis=1)[told], words[told] == second


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
        (numbers, second), (asked, true) = (known(table, attribute, measured) for table in tables.values())
        trees = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=300, random_state=0).fit(numbers, second)
        right = trees.predict(asked) == true
        balanced = np.mean([right[true].mean(), right[~true].mean()])
        told = f"{right.mean():.1%} right, balanced {balanced:.1%}, n = {len(true)}"
        print(f"{attribute} from {', '.join(measured)}: {told}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
