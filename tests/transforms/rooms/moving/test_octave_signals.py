"""Signals in octaves, and the spline between their samples."""

import itertools

import numpy as np
import pytest

from transforms.rooms.moving.interpolation import lines_between, spline_values
from transforms.rooms.moving.octave_signals import LEAD, OVERSAMPLING, OctaveSignals

RATE = 48_000


@pytest.mark.parametrize("n_samples", [0, 1, 50_000, 150_000])
def test_octaves_of_parts_add_up_to_their_signal(n_samples):
    signal = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    octaves = OctaveSignals(signal, RATE)
    edges = [0, n_samples // 3, n_samples // 3, n_samples]
    parts = [octaves.octaves(start, stop) for start, stop in itertools.pairwise(edges)]
    assert [part.shape[1] for part in parts] == np.diff(edges).tolist()
    difference = np.concatenate(parts, axis=1).sum(axis=0) - signal
    assert np.abs(difference).max(initial=0.0) < 1e-5


@pytest.mark.parametrize("tone_hz", [60.0, 1000.0, 12_000.0])
def test_the_spline_reads_a_tone_between_its_samples(tone_hz):
    def at(seconds):
        return np.sin(2.0 * np.pi * tone_hz * seconds)

    octaves = OctaveSignals(at(np.arange(140_000) / RATE).astype(np.float32), RATE)
    coefficients = np.concatenate([block.sum(axis=0) for block in octaves.spline_blocks()])
    assert coefficients.size == OVERSAMPLING * octaves.n_samples
    moments_s = 0.5 + np.sort(np.random.default_rng(1).random(2000))
    values = spline_values(coefficients, OVERSAMPLING * (LEAD + RATE * moments_s))
    assert np.abs(values - at(moments_s)).max() < 1e-3


def test_a_spline_outside_its_coefficients_stays_at_their_ends():
    coefficients = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)
    assert spline_values(coefficients, np.array([-1e6, 3.0, 1e6])) == pytest.approx([0.0, 2.0 / 3.0, 0.0])


def test_lines_pass_through_the_edges_of_blocks():
    assert lines_between(np.array([0.0, 4.0, 2.0]), 4).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 3.5, 3.0, 2.5]
