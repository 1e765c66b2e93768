"""Columns of a release's tables as NumPy arrays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from transforms.records import SPLITS

#: A number of a release is below this. A stranger's may state more, which no axis and no line of text can show.
LARGEST_NUMBER = 1e9


def column_numbers(table: pa.Table, column: str) -> NDArray[np.float64]:
    """A numeric column as floats; NaN stands for a missing value, and for one that no release has."""
    values = table.column(column).combine_chunks().cast(pa.float64())
    numbers = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.where(np.abs(numbers) < LARGEST_NUMBER, numbers, np.nan)


def split_codes(table: pa.Table) -> NDArray[np.intp]:
    """The index in SPLITS of each row's split; -1 for any other value."""
    codes = pc.index_in(table.column("split"), value_set=pa.array(SPLITS)).fill_null(-1)
    return np.asarray(codes.to_numpy(), dtype=np.intp)


def codes_of(*columns: pa.ChunkedArray) -> NDArray[np.intp]:
    """One integer per row; two rows have the same integer exactly when they agree in all the columns."""
    codes = np.zeros(len(columns[0]), dtype=np.intp)
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp)
        _, codes = np.unique(codes * (len(encoded.dictionary) + 1) + indices, return_inverse=True)
    return codes
