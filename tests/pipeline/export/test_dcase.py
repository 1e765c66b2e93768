"""An export to DCASE's layout, read back after its description: frames, classes, angles and sound are the rows' own."""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.command import UNUSABLE
from pipeline.commands.export import ExportCommand
from pipeline.export.checked_rows import ReleaseDamaged
from pipeline.export.dcase import export_dcase, sound_name
from pipeline.export.output_folder import ExportError
from tests.pipeline.export.dcase_reader import Event, Recording, read_dcase
from tests.pipeline.export.tiny_release import TinyRow, noise, source, write_tiny_release

#: From the left of the back to its right, in 0.4 s.
ACROSS_THE_BACK = [
    {"time_s": 0.2 + 0.1 * step, "azimuth_deg": azimuth, "elevation_deg": 10.0, "distance_m": 2.0}
    for step, azimuth in enumerate((160.0, 170.0, 180.0, -170.0, -160.0))
]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    still = source("rain", 0.0, 1.0, azimuth_deg=-179.6, elevation_deg=-20.4, distance_m=3.456)
    dogs = [
        source("dog", 0.12, 0.48, azimuth_deg=90.0, source_id="a"),
        source("cat", 0.2, 0.4, azimuth_deg=160.0, source_id="b", path=ACROSS_THE_BACK),
        source("dog", 0.36, 0.9, azimuth_deg=-45.0, source_id="c"),
    ]
    rows = [
        TinyRow("rain, and wind.wav", [still], noise(1.0, 40.0, 20.0)),
        TinyRow("dogs.wav", dogs, noise(0.97)),
        TinyRow("rain.wav", [still], noise(0.5, -120.0, -35.0), "test"),
    ]
    return write_tiny_release(tmp_path_factory.mktemp("tiny") / "release", rows)


def run(*words: object) -> int:
    command = ExportCommand()
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(["dcase", *map(str, words)]))


def only(recordings: dict[str, Recording], name: str) -> Recording:
    (found,) = (recording for key, recording in recordings.items() if key.startswith(name))
    return found


@pytest.fixture(scope="module")
def exported(release: Path) -> dict[str, Recording]:
    export_dcase(release, release.parent / "dcase", io.StringIO())
    return read_dcase(release.parent / "dcase")


def test_a_still_source_has_its_own_place_in_every_frame(exported: dict[str, Recording]) -> None:
    rain = only(exported, "dev-train/rain-and-wind")
    assert rain.events == [Event(frame, "rain", 0, 180, -20, 346) for frame in range(10)]
    assert only(exported, "dev-test/rain").events == [Event(frame, "rain", 0, 180, -20, 346) for frame in range(5)]


def test_a_sound_has_frames_only_while_it_sounds(exported: dict[str, Recording]) -> None:
    dogs = only(exported, "dev-train/dogs")
    # From 0.12 to 0.6 s: 80 ms of frame 1. From 0.36 s on: 40 ms of frame 3, and 70 ms of frame 9 to the file's end.
    assert [event.frame for event in dogs.of_source(0)] == [1, 2, 3, 4, 5]
    assert [event.frame for event in dogs.of_source(2)] == [4, 5, 6, 7, 8, 9]


def test_two_sounds_of_one_class_have_numbers_of_their_own(exported: dict[str, Recording]) -> None:
    events = only(exported, "dev-train/dogs").events
    together = [event for event in events if event.frame == 4 and event.name == "dog"]
    assert [(event.source, event.azimuth) for event in together] == [(0, 90), (2, -45)]


def test_a_source_passes_the_back_the_short_way(exported: dict[str, Recording]) -> None:
    cat = only(exported, "dev-train/dogs").of_source(1)
    assert [(event.frame, event.azimuth) for event in cat] == [(2, 165), (3, 175), (4, -175), (5, -165)]
    # Half-way between two points it is on the straight line between them.
    assert {(event.name, event.elevation, event.distance_cm) for event in cat} == {("cat", 10, 199)}


def test_the_sound_is_that_of_the_release_sample_by_sample(release: Path, exported: dict[str, Recording]) -> None:
    for path in release.glob("*/*/*.flac"):
        pcm, rate = soundfile.read(path, dtype="int16")
        recording = only(exported, f"dev-{path.parent.parent.name}/{path.stem}")
        assert recording.rate == rate
        assert np.array_equal(recording.samples, pcm)


def test_a_row_of_a_higher_order_is_exported_in_its_first(tmp_path: Path) -> None:
    samples = np.tile(noise(0.3), (1, 4))
    rows = [TinyRow("rain.wav", [source("rain", 0.0, 0.3)], samples)]
    export_dcase(write_tiny_release(tmp_path / "third", rows), tmp_path / "dcase", io.StringIO())
    (recording,) = read_dcase(tmp_path / "dcase").values()
    np.testing.assert_array_equal(recording.samples, samples[:, :4])


def test_two_ears_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [TinyRow("rain.wav", [source("rain", 0.0, 0.3)], noise(0.3)[:, :2])]
    release = write_tiny_release(tmp_path / "ears", rows)
    assert run(release, "--output", tmp_path / "dcase") == UNUSABLE
    (line,) = capsys.readouterr().err.splitlines()
    assert "has the channels LR, and DCASE's layout takes ambisonics alone" in line
    assert not list((tmp_path / "dcase").glob("*"))


def test_at_24_khz_directions_are_those_of_the_waves(release: Path, tmp_path: Path) -> None:
    assert run(release, "--output", tmp_path / "d", "--sample-rate", 24_000) == 0
    recordings = read_dcase(tmp_path / "d")
    for name, seconds, *direction in (("dev-train/rain", 1.0, 40.0, 20.0), ("dev-test/rain", 0.5, -120.0, -35.0)):
        recording = only(recordings, name)
        assert (recording.rate, len(recording.samples)) == (24_000, 24_000 * seconds)
        assert recording.intensity_azimuth_elevation() == pytest.approx(direction, abs=0.05)


def test_what_a_filter_would_clip_is_turned_down_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square = np.sign(noise(0.2, 30.0, 10.0)) * np.abs(noise(1 / 48_000, 30.0, 10.0, 1.0))
    loud = np.rint(square * 32_767 / np.abs(square).max()).astype(np.int32)
    row = TinyRow("loud.wav", [source("hiss", 0.0, 0.2)], loud)
    write_tiny_release(tmp_path / "release", [row])
    assert run(tmp_path / "release", "--output", tmp_path / "d", "--sample-rate", 24_000) == 0
    assert "1 row is turned down" in capsys.readouterr().out
    (recording,) = read_dcase(tmp_path / "d").values()
    assert np.abs(recording.samples.astype(int)).max() in (32_766, 32_767)
    assert recording.intensity_azimuth_elevation() == pytest.approx((30.0, 10.0), abs=0.05)


def test_names_are_safe_and_no_two_rows_share_one() -> None:
    ids = ["train/a b.wav#0", "train/a-b.wav#0", "train/../../a b.wav#0", "test/a b.wav#0", "train/-rf#0", "train/狗#0"]
    names = [sound_name(one) for one in ids]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and name.isascii() and name[0] != "-" for name in names)


def test_a_release_without_labels_says_how_to_give_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiny_release(tmp_path / "release", [TinyRow("a.wav", [source(None, 0.0, 0.2)], noise(0.2))])
    assert run(tmp_path / "release", "--output", tmp_path / "d") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "column label" in error
    assert "--classes FILE" in error
    assert not (tmp_path / "d").exists()


def test_rows_with_a_sound_without_a_label_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        TinyRow("a.wav", [source("dog", 0.0, 0.2)], noise(0.2)),
        TinyRow("b.wav", [source("cat", 0.0, 0.2), source(None, 0.0, 0.2, source_id="c.wav")], noise(0.2)),
    ]
    write_tiny_release(tmp_path / "release", rows)
    assert run(tmp_path / "release", "--output", tmp_path / "d") == 1
    printed = capsys.readouterr()
    assert "1 row of 1 class" in printed.out
    assert "1 of 2 rows is left out, the first is train/b.wav#0, whose sound c.wav has no class" in printed.err
    (recording,) = read_dcase(tmp_path / "d").values()
    assert {event.name for event in recording.events} == {"dog"}


def test_a_file_of_classes_names_and_orders_them(release: Path, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("class;label;source_id\nunused;;\npet;dog;\nweather;rain;\npet;;b\n")
    assert run(release, "--output", tmp_path / "d", "--classes", tmp_path / "c.csv") == 0
    assert (tmp_path / "d" / "classes.csv").read_text() == "index,name\n0,unused\n1,pet\n2,weather\n"
    assert {event.name for event in only(read_dcase(tmp_path / "d"), "dev-train/dogs").events} == {"pet"}


def test_a_release_from_before_scenes_takes_its_classes_from_a_file(tmp_path: Path) -> None:
    row = TinyRow("a.wav", [source(None, 0.0, 0.3, azimuth_deg=91.2, distance_m=2.0)], noise(0.3))
    write_tiny_release(tmp_path / "release", [row], older=True)
    (tmp_path / "c.csv").write_text("source_id,class\na.wav,dog\n")
    assert run(tmp_path / "release", "--output", tmp_path / "d", "--classes", tmp_path / "c.csv") == 0
    (recording,) = read_dcase(tmp_path / "d").values()
    assert recording.events == [Event(frame, "dog", 0, 91, 0, 200) for frame in range(3)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("label,name\ndog,pet\n", "has no column class"),
        ("class,name\ndog,pet\n", "has no column source_id or label"),
        ("label,class\ndog,pet\nDog,\n", "line 3: it names no class"),
        ("label,class\ndog,pet\ndog,wolf\n", "line 3: label 'dog' has another class above"),
        ('label,class\ndog,"pet\n', "never closed"),
        ("label,class\nhorse,pet\n", "names those of no row"),
        ("", "is empty"),
        (f"label,class\ndog,{'x' * 300}\n", "300 characters"),
    ],
)
def test_a_file_of_classes_that_cannot_be_used_is_one_line(
    text: str, named: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.csv").write_text(text)
    assert run(release, "--output", tmp_path / "d", "--classes", tmp_path / "c.csv") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert named in error
    assert not (tmp_path / "d").exists()


def test_an_export_that_was_stopped_goes_on_and_has_the_same_bytes(
    release: Path, exported: dict[str, Recording], tmp_path: Path
) -> None:
    whole = {path.relative_to(release.parent / "dcase"): path for path in (release.parent / "dcase").rglob("*.*")}
    stopped = tmp_path / "d"
    shutil.copytree(release.parent / "dcase", stopped)
    (stopped / "index.json").rename(stopped / ".export.json")
    first, second = sorted(stopped.glob("foa_dev/dev-train/*.wav"))
    first.rename(first.with_name(f".{first.name}.partial"))
    next(stopped.glob(f"metadata_dev/dev-train/{second.stem}.csv")).unlink()
    assert run(release, "--output", stopped) == 0
    assert {path.relative_to(stopped): path.read_bytes() for path in stopped.rglob("*.*")} == {
        name: path.read_bytes() for name, path in whole.items()
    }


def test_a_folder_of_another_export_or_of_other_files_is_refused(
    release: Path, exported: dict[str, Recording], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="with other options"):
        export_dcase(release, release.parent / "dcase", io.StringIO(), sample_rate=24_000)
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ExportError, match="not empty"):
        export_dcase(release, tmp_path, io.StringIO())


def test_a_damaged_sound_is_named_and_leaves_nothing_half_written(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release, tmp_path / "release")
    flac = next((tmp_path / "release").glob("test/*/*.flac"))
    flac.write_bytes(flac.read_bytes()[:-1] + b"?")
    with pytest.raises(ReleaseDamaged, match=rf"{flac.name}: its SHA-256"):
        export_dcase(tmp_path / "release", tmp_path / "d", io.StringIO())
    assert {path.name for path in (tmp_path / "d").rglob("*.*")} == {".export.json", "classes.csv"}


def test_options_of_another_format_are_refused(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(release, "--output", tmp_path / "d", "--shard-size", "1M") == 2
    assert "--shard-size is no option of dcase" in capsys.readouterr().err
