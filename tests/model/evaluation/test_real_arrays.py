"""Simulated arrays: exact at low frequencies, aliasing above, and a folder that an evaluation reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from model.evaluation import evaluate
from tests.benchmarks.real_arrays import ARRAYS, RATE, Place, draw_place, main, responses
from tests.directions import angle_between_deg
from transforms.rooms.geometry import direction_to_unit_vector

from .conftest import OPTIONS


@pytest.mark.parametrize("name", ARRAYS)
def test_a_plane_wave_is_encoded_correctly_below_the_aliasing_frequency(name):
    array = ARRAYS[name]()
    errors = {"low": [], "high": []}
    for azimuth, elevation in ((0.0, 0.0), (40.0, 30.0), (-130.0, -20.0)):
        # With this short decay, there is little but the direct sound.
        place = Place((10.0, 9.0, 4.0), 0.05, np.array([5.0, 4.5, 2.0]), azimuth, elevation, 1.5)
        spectrum = np.fft.rfft(array.encode(responses(place, array)[:-1]), 8192, axis=1)
        frequency = np.fft.rfftfreq(8192, 1 / RATE)
        for band, (low, high) in {"low": (100, 1500), "high": (8000, 16000)}.items():
            bins = spectrum[:, (frequency >= low) & (frequency < high)]
            intensity = np.real(np.conj(bins[0]) * bins[[3, 1, 2]]).sum(1)
            errors[band].append(float(angle_between_deg(intensity, direction_to_unit_vector(azimuth, elevation))))
            if band == "low":
                ratio = np.sum(np.abs(bins[1:]) ** 2) / np.sum(np.abs(bins[0]) ** 2)
                assert ratio == pytest.approx(1, abs=0.25)
    assert max(errors["low"]) < 3
    assert max(errors["high"]) > 10


def test_the_equalisation_stays_below_its_limit():
    frequency = np.linspace(0, RATE / 2, 1000)
    for make in ARRAYS.values():
        array = make()
        for gain in array.equalisation(frequency):
            assert np.abs(gain).max() <= 10 ** (array.gain_limit_db / 20) * 1.001
        quiet = replace(array, gain_limit_db=3.0)
        assert np.abs(quiet.equalisation(frequency)[1]).max() <= 1.42


def test_positions_are_in_their_rooms_and_depend_only_on_their_numbers():
    for number in range(20):
        place = draw_place(0, number % 3, number)
        assert ((place.source_m > 0) & (place.source_m < place.size_m)).all()
        assert place.size_m == draw_place(0, number % 3, number + 50).size_m
    assert draw_place(0, 1, 2).azimuth_deg == draw_place(0, 1, 2).azimuth_deg


@pytest.mark.slow
def test_the_folder_is_evaluated(trained_run, release, tmp_path, capsys):
    generator = np.random.Generator(np.random.Philox(key=0))
    clips = tmp_path / "clips"
    clips.mkdir()
    soundfile.write(clips / "a.wav", 0.1 * generator.standard_normal(8000), 16000)
    (clips / "metadata.csv").write_text("file_name,caption,split\na.wav,Noise hisses.,test\n")
    output = tmp_path / "seven"
    words = ["--input", clips, "--array", "seven", "--clips", 2, "--rooms", 1, "--output", output]
    assert main([str(word) for word in words]) == 0
    assert "2 rows of the array seven" in capsys.readouterr().out
    metrics = evaluate(
        trained_run,
        [output],
        tmp_path / "out",
        tasks=["localisation"],
        train_releases=[release],
        options=replace(OPTIONS, noise_db=()),
        device="cpu",
    )
    assert metrics["tasks"]["localisation"]["clean"]["branch"]["mean_angle_deg"]["n"] == 2
