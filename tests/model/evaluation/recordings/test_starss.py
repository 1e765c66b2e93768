"""STARSS23 in DCASE's folders: the layout, frame labels, bad input, and both tasks end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.errors import ReleaseUnreadable
from model.evaluation.recordings import starss
from model.evaluation.recordings.parts import Label
from model.evaluation.recordings.starss import RATE, read_starss
from model.evaluation.subject import NotScored, Subject
from model.evaluation.tasks.localisation import evaluate_localisation, localise_corpus
from model.evaluation.tasks.zero_shot import evaluate_zero_shot, words_of_parts
from pipeline.export.frame_labels import frame_labels, labels_to_csv

SITE = "dev-test-sony"
NAME = f"{SITE}/fold4_room23_mix001"
ALONE = "in which a single source sounds"


def write_recording(folder: Path, name: str, lines: str, foa=None, *, seconds: float = 2.0, rate: int = RATE) -> Path:
    """Writes a recording, silent if not given, and its labels in the folders of DCASE's task."""
    foa = np.zeros((4, round(seconds * rate))) if foa is None else foa
    for kind in ("foa_dev", "metadata_dev"):
        (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "foa_dev" / f"{name}.wav", foa.T, rate, subtype="PCM_16")
    (folder / "metadata_dev" / f"{name}.csv").write_text(lines)
    return folder


def lines(
    frames, azimuth: int, elevation: int = 0, distance: int | None = 150, *, kind: int = 1, source: int = 0
) -> str:
    ending = "" if distance is None else f",{distance}"
    return "".join(f"{frame},{kind},{source},{azimuth},{elevation}{ending}\n" for frame in frames)


@pytest.fixture
def tree(tmp_path):
    return write_recording(tmp_path, NAME, lines(range(3, 10), -50, 30, 180))


@pytest.fixture(scope="module")
def recordings(make_plane_wave, tmp_path_factory):
    """Recordings of plane waves: two sources after each other, and at last both at once."""
    folder = tmp_path_factory.mktemp("starss")
    for split in ("train", "test"):
        for number, azimuth in enumerate((0, 90, 180, -90)):
            waves = [
                make_plane_wave(a, e, seconds=1, rate=RATE, seed=10 * number + k)
                for k, (a, e) in enumerate([(azimuth, 45), (azimuth // 2, -10), (-170, 0)])
            ]
            foa = np.concatenate([waves[0], waves[1], waves[1] + waves[2]], axis=1)
            text = lines(range(10), azimuth, 45, 250) + lines(range(10, 30), azimuth // 2, -10, 80, source=1)
            write_recording(
                folder, f"dev-{split}-tau/room{number}", text + lines(range(20, 30), -170, 0, 100, source=2), foa
            )
    return folder


def test_the_layout_of_2023_is_read(tree):
    (part,) = read_starss(tree)["test"]
    assert part.recording == tree / "foa_dev" / f"{NAME}.wav"
    assert part.label == Label("class 1 of source 0", 0.3, 1.0, -50, 30, 1.8)


def test_the_labels_of_2022_have_no_distance(tmp_path):
    write_recording(tmp_path, "dev-train-sony/mix", lines(range(5), 20, distance=None))
    found = read_starss(tmp_path)
    assert [part.label.distance_m for part in found["train"]] == [None]
    assert words_of_parts(found["train"])["distance"] == [None]
    assert found["test"] == []


def test_spaces_blank_lines_carriage_returns_and_a_byte_order_mark_change_nothing(tree):
    file = tree / "metadata_dev" / f"{NAME}.csv"
    (before,) = read_starss(tree)["test"]
    file.write_bytes(b"\xef\xbb\xbf\r\n" + file.read_bytes().replace(b",", b",   ").replace(b"\n", b"\r\n\r\n"))
    assert read_starss(tree)["test"] == [before]


def test_hidden_files_of_an_archive_and_other_folders_are_passed_over(tree):
    (tree / "foa_dev" / SITE / "._fold4_room23_mix001.wav").write_bytes(b"x")
    (tree / "metadata_dev" / "dev-validation").mkdir()
    (tree / "metadata_dev" / "dev-validation" / "other.csv").write_text("x")
    assert len(read_starss(tree)["test"]) == 1


def test_labels_end_with_the_sound(tmp_path):
    write_recording(tmp_path, NAME, lines(range(15, 24), 20), seconds=1.95)
    (part,) = read_starss(tmp_path)["test"]
    assert (part.label.start_s, part.label.end_s) == (1.5, 1.95)


def test_the_export_of_this_package_is_read(tmp_path):
    source = {"onset_s": 0.5, "duration_s": 1.0, "azimuth_deg": -120.0, "elevation_deg": 10.0, "distance_m": 2.5}
    write_recording(tmp_path, "dev-test/row", labels_to_csv(frame_labels([{**source, "path": []}], [3], 2.0)))
    (part,) = read_starss(tmp_path)["test"]
    assert part.label == Label("class 3 of source 0", 0.5, 1.5, -120, 10, 2.5)
    assert words_of_parts([part]) == {"direction": ["right"], "elevation": [None], "distance": ["far"]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3,1,0,20", "4 columns; frame,class,source,azimuth,elevation and, since 2023, distance are expected"),
        ("3,1,0,20,0,100,1", "7 columns"),
        ("3;1;0;20;0;100", "1 columns"),
        ("3,1,0,20,0", "5 columns, 6 in the lines before"),
        ("frame,class,source,azimuth,elevation,distance", "frame is 'frame'; a whole number from 0 is expected"),
        ("3.5,1,0,20,0,100", "frame is '3.5'; a whole number"),
        ("-1,1,0,20,0,100", "frame is '-1'; a whole number"),
        ("3,bell,0,20,0,100", "class is 'bell'"),
        ("3,1,,20,0,100", "source is ''"),
        ("3,1,0,left,0,100", "azimuth is 'left'; a number is expected"),
        ("3,1,0,nan,0,100", "azimuth is 'nan'; a number is expected"),
        ("3,1,0,1e1,0,100", "azimuth is '1e1'; a number is expected"),
        ("3,1,0,٣,0,100", "azimuth is '٣'; a number is expected"),
        ("3,1,0,270,0,100", "azimuth is '270'; a number from -180 to 180 is expected"),
        ("3,1,0,20,91,100", "elevation is '91'; a number from -90 to 90"),
        ("3,1,0,20,0,-5", "distance is '-5'; a number from 0"),
        ("3,1,0," + "9" * 300 + ",0,100", "azimuth is '" + "9" * 40 + "…'"),
        ("400,1,0,20,0,100", "the frame ends at 40.1 s, and the sound at 2.0 s"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tree, line, message):
    file = tree / "metadata_dev" / f"{NAME}.csv"
    file.write_text(f"3,1,0,20,0,100\n{line}\n")
    with pytest.raises(ReleaseUnreadable) as error:
        read_starss(tree)
    assert str(error.value).startswith(f"{file}: line 2: {message}")
    assert "\n" not in str(error.value)


def test_a_recording_and_its_labels_belong_together(tree):
    sound, labels = (tree / kind / f"{NAME}{end}" for kind, end in (("foa_dev", ".wav"), ("metadata_dev", ".csv")))
    sound.rename(sound.with_stem("other"))
    with pytest.raises(ReleaseUnreadable, match=r"mix001\.csv: no recording foa_dev/dev-test-sony/fold4_room23_mix001"):
        read_starss(tree)
    labels.unlink()
    with pytest.raises(ReleaseUnreadable, match=r"other\.wav: no labels metadata_dev/dev-test-sony/other\.csv"):
        read_starss(tree)


def test_a_folder_of_another_layout_is_one_line(tmp_path):
    with pytest.raises(ReleaseUnreadable, match="nowhere: no such folder"):
        read_starss(tmp_path / "nowhere")
    with pytest.raises(ReleaseUnreadable, match=r"no foa_dev/dev-test\*/\*\.wav, so not the layout of STARSS23$"):
        read_starss(tmp_path)
    (tmp_path / "mic_dev").mkdir()
    with pytest.raises(ReleaseUnreadable, match=r"mic_dev has the signals of single microphones, foa_dev\.zip has"):
        read_starss(tmp_path)


@pytest.mark.parametrize(
    ("channels", "rate", "message"),
    [(2, RATE, "2 channels, 4 are expected"), (4, 48000, "48000 Hz, 24000 are expected")],
)
def test_another_number_of_channels_or_rate_is_one_line(tmp_path, channels, rate, message):
    write_recording(tmp_path, NAME, "", np.zeros((channels, 100)), rate=rate)
    with pytest.raises(ReleaseUnreadable, match=rf"mix001\.wav: {message}"):
        read_starss(tmp_path)


def test_files_of_strangers_are_bounded(tree, monkeypatch):
    labels, sound = tree / "metadata_dev" / f"{NAME}.csv", tree / "foa_dev" / f"{NAME}.wav"
    good = labels.read_bytes()
    monkeypatch.setattr(starss, "MOST_LABEL_BYTES", 100 + len(good))
    for content, message in ((b"\xff\xfe", "not a text in UTF-8"), (b"1" * 300, r"larger than \d+ bytes")):
        labels.write_bytes(content)
        with pytest.raises(ReleaseUnreadable, match=rf"mix001\.csv: {message}"):
            read_starss(tree)
    elsewhere = tree / "elsewhere.csv"
    elsewhere.write_bytes(good)
    labels.unlink()
    labels.symlink_to(elsewhere)
    with pytest.raises(ReleaseUnreadable, match="a link, and links are not followed here"):
        read_starss(tree)
    labels.unlink()
    labels.write_bytes(good)
    sound.write_bytes(b"RIFF")
    with pytest.raises(ReleaseUnreadable, match=r"mix001\.wav: cannot be decoded"):
        read_starss(tree)


def subject_of(subject: Subject, folder: Path, tmp_path: Path) -> Subject:
    options = replace(subject.options, noise_db=(), starss=str(folder))
    return Subject(subject.embedder, subject.releases, "test", tmp_path, options)


@pytest.mark.slow
def test_both_tasks_on_its_recordings(subject, recordings, tmp_path):
    other = subject_of(subject, recordings, tmp_path)
    scores = evaluate_localisation(other)["starss"]
    # Two parts of each of four recordings; the part of two sources is left out.
    for method in ("branch", "mean_intensity", "readout", "readout_of_releases"):
        assert scores[method]["mean_angle_deg"]["n"] == 8
        assert scores[method]["median_angle_deg"]["chance"] == 90
    assert scores["branch"]["mean_angle_deg"]["value"] < 8
    assert scores["mean_intensity"]["mean_angle_deg"]["value"] < 8
    assert scores["distance"]["mean_absolute_error_m"]["chance"] == pytest.approx(0.85)
    # Without train recordings, only the readout that learns from them is missing.
    (corpus,) = other.corpora
    _, without = localise_corpus(other, replace(corpus, parts={**corpus.parts, "train": []}))
    assert without == {**scores, "readout": {"skipped": f"{recordings}: no train recording {ALONE}"}}
    words = evaluate_zero_shot(other)["starss"]
    # The directions 0°, 90°, 180°, −90° and half of each: 0°, 90° and ±45°, which have no word.
    assert words["direction"]["accuracy"]["n"] == 6
    assert words["direction"]["accuracy"]["chance"] == 0.25
    assert words["elevation"]["accuracy"]["n"] == 4
    assert words["distance"]["accuracy"]["n"] == 8
    assert set(words) == {"direction", "elevation", "distance"}
    assert all((tmp_path / f"{task}.png").is_file() for task in ("localisation", "zero_shot"))


def test_a_recording_that_turns_out_broken_costs_its_corpus_alone(subject, tree, tmp_path):
    other = subject_of(subject, tree, tmp_path)
    (corpus,) = other.corpora
    (tree / "foa_dev" / f"{NAME}.wav").unlink()
    with pytest.raises(NotScored, match=r"mix001\.wav: cannot be read: No such file"):
        other.of_corpus(corpus, "test")
