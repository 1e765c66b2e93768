"""TUT 2018 in DCASE's folders: the layout, channel orders, and localisation end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.errors import ReleaseUnreadable, SoundUnreadable
from model.evaluation.recordings.parts import Label, Part
from model.evaluation.recordings.reading import read_part
from model.evaluation.recordings.tut import read_tut
from model.evaluation.subject import NotScored, Subject
from model.evaluation.tasks.localisation import evaluate_localisation, localise_corpus

RATE = 44100
HEADER = "sound_event_recording,start_time,end_time,ele,azi,dist\n"


def write_tut(folder: Path, make_plane_wave, recordings: dict[str, list[tuple[float, float, int, int]]]) -> Path:
    """Writes recordings of plane waves in TUT's folders, with events (start, end, elevation, azimuth) of each."""
    for number, (stem, events) in enumerate(recordings.items()):
        seconds = max(end for _, end, _, _ in events) + 0.2
        audio = np.zeros((4, round(seconds * RATE)))
        lines = []
        for index, (start, end, elevation, azimuth) in enumerate(events):
            wave = make_plane_wave(azimuth, elevation, seconds=end - start, rate=RATE, seed=10 * number + index)
            first = round(start * RATE)
            audio[:, first : first + wave.shape[1]] += wave
            lines.append(f"1234-{index}-0-0.wav,{start},{end},{elevation},{azimuth},1.5\n")
        for name in ("wav_ov1_split1_30db", "desc_ov1_split1"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / "wav_ov1_split1_30db" / f"{stem}.wav", audio.T, RATE, subtype="PCM_16")
        (folder / "desc_ov1_split1" / f"{stem}.csv").write_text(HEADER + "".join(lines))
    return folder


@pytest.fixture(scope="module")
def tut(make_plane_wave, tmp_path_factory) -> Path:
    azimuths = (0, 90, 180, -90, 40, -130)
    recordings = {
        f"{part}_{i}_desc_30_100": [(0.1, 0.9, 10 * i, azimuth), (1.0, 1.8, -10, azimuth // 2)]
        for part in ("train", "test")
        for i, azimuth in enumerate(azimuths)
    }
    return write_tut(tmp_path_factory.mktemp("tut"), make_plane_wave, recordings)


def test_the_layout_is_read(tut):
    parts = read_tut(tut)
    assert {split: len(own) for split, own in parts.items()} == {"train": 12, "test": 12}
    first = parts["test"][0]
    assert first.recording == tut / "wav_ov1_split1_30db" / "test_0_desc_30_100.wav"
    assert first.label == Label("1234-0-0-0.wav", 0.1, 0.9, 0, 0, 1.5)


@pytest.mark.slow
def test_localisation_on_its_recordings(subject, tut):
    options = replace(subject.options, noise_db=(), tut=str(tut))
    other = Subject(subject.embedder, subject.releases, "test", subject.output, options)
    result = evaluate_localisation(other)
    assert set(result) == {"clean", "readout", "distance", "tut_2018_real"}
    scores = result["tut_2018_real"]
    assert scores["branch"]["mean_angle_deg"]["value"] < 8
    assert scores["mean_intensity"]["mean_angle_deg"]["value"] < 8
    assert scores["readout"]["mean_angle_deg"]["n"] == 12
    assert scores["readout"]["median_angle_deg"]["chance"] == 90
    assert "readout_of_releases" in scores
    # Each recording is 1.5 m away, so the best guess is right.
    assert scores["distance"]["mean_absolute_error_m"]["chance"] == 0


def test_another_order_and_normalisation_of_channels(tut, make_plane_wave, tmp_path):
    part = read_tut(tut)["test"][2]
    settings = {"sample_rate": RATE, "samples": 8000}
    foa = read_part(part, order="WYZX", normalisation="SN3D", **settings)
    samples, _ = soundfile.read(part.recording)
    # The same recording as W, X, Y, Z in N3D.
    other = tmp_path / "other.wav"
    soundfile.write(other, samples[:, [0, 3, 1, 2]] * [1, 3**0.5, 3**0.5, 3**0.5], RATE, subtype="FLOAT")
    again = read_part(replace(part, recording=other, folder=None), order="WXYZ", normalisation="N3D", **settings)
    np.testing.assert_allclose(again, foa, atol=1e-4)


def test_a_folder_that_cannot_be_read_is_one_line(tut, subject, tmp_path):
    with pytest.raises(ReleaseUnreadable, match="no such folder"):
        read_tut(tmp_path / "nowhere")
    with pytest.raises(ReleaseUnreadable, match="not the layout"):
        read_tut(tmp_path)
    folder = tmp_path / "desc_ov1_split1"
    folder.mkdir()
    (folder / "test_0.csv").write_text(HEADER)
    with pytest.raises(ReleaseUnreadable, match="no recording"):
        read_tut(tmp_path)
    wav = tmp_path / "wav_ov1_split1_30db" / "test_0.wav"
    wav.parent.mkdir()
    soundfile.write(wav, np.zeros((100, 2)), RATE)
    options = replace(subject.options, tut=str(tmp_path))
    other = Subject(subject.embedder, subject.releases, "test", subject.output, options)
    with pytest.raises(NotScored, match="no test recording in which a single source sounds"):
        localise_corpus(other, other.corpora[0])
    for text, message in (
        ("a,b\n", "no column sound_event_recording"),
        (HEADER + "x,0,one,0,0,1\n", "line 2: a value is not a number"),
        (HEADER + "x,0,nan,0,0,1\n", "line 2: not a time range"),
        (HEADER + "x,0,1\n", "line 2: a value is not a number"),
    ):
        (folder / "test_0.csv").write_text(text)
        with pytest.raises(ReleaseUnreadable, match=message):
            read_tut(tmp_path)
    settings = {"sample_rate": RATE, "samples": 10, "order": "WYZX", "normalisation": "SN3D"}
    with pytest.raises(SoundUnreadable, match="2 channels, 4 are expected"):
        read_part(Part(wav, Label("x", 0, 1, 0, 0, 1)), **settings)
    late = Part(read_tut(tut)["test"][0].recording, Label("x", 60, 61, 0, 0, 1))
    with pytest.raises(SoundUnreadable, match="ends before 60 s"):
        read_part(late, **settings)
