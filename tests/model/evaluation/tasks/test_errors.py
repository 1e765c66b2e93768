"""Errors by bin: every row is in one bin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.tasks.angle_errors import BINS, bin_rows, class_rows, error_of


# No deadline, because the machine can be busy.
@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-180, 180), max_size=40))
def test_every_azimuth_is_in_one_bin(values):
    bins = bin_rows(np.array(values), BINS["azimuth_deg"])
    rows = sorted(row for members in bins.values() for row in members)
    assert rows == list(range(len(values)))


def test_bins_include_their_lower_edge_and_rows_without_a_value_are_in_no_bin():
    bins = bin_rows(np.array([-180.0, -150.0, 180.0, np.nan, 0.0]), BINS["azimuth_deg"])
    assert {name: rows_of.tolist() for name, rows_of in bins.items()} == {
        "-180…-150": [0],
        "-150…-120": [1],
        "0…30": [4],
        "150…180": [2],
    }


def test_classes_are_repeated_captions():
    classes = class_rows(["a dog barks"] * 3 + ["rain"] * 2 + ["a bell"] * 4)
    assert {name: len(rows_of) for name, rows_of in classes.items()} == {"a bell": 4, "a dog barks": 3}


def test_an_error_has_mean_deviation_and_n():
    error = error_of(np.array([2.0, 4.0, 6.0]), ["a", "b", "c"], "k")
    assert error["mean_angle_deg"]["value"] == 4
    assert error["mean_angle_deg"]["n"] == 3
    assert error["std_deg"] == pytest.approx(np.sqrt(8 / 3))
