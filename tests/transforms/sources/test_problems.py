"""What is wrong with lists, each problem with its file and its line."""

from __future__ import annotations

from pathlib import Path

from tests.layouts import csv_bytes, pair_json, wavcaps_item, wavcaps_json, write_tree
from transforms.sources.problems import Problem, check_lists

NEEDS_DELIMITER = "an empty cell needs its delimiter too (broken_row)"
NEEDS_MARKS = "a cell that holds the delimiter needs quotation marks (broken_row)"
STRAY = "a quotation mark stands alone, or is followed by more than the end of its cell (broken_row)"


def lines(source: str, root: Path) -> list[str]:
    return [str(problem) for problem in check_lists(source, str(root)).problems]


def test_every_problem_of_a_folder_has_its_line(tmp_path: Path) -> None:
    text = (
        "file_name,caption,split\r\na.wav,A dog,train\r\nb.wav,nan,\r\n./a.wav,B,test\r\nA.WAV,C,\r\n"
        "c.wav,\"C,\r\nd.wav,D,holdout\r\ne.wav\r\n,E,\r\n../f.wav,F,\r\nb.wav,\"['B', '\",\r\n,,\r\n"
    )
    root = write_tree(tmp_path, {"metadata.csv": text.encode(), "a.wav": b"1", "b.wav": b"1", "z.wav": b"1"})
    assert lines("folder", root) == [
        "metadata.csv line 3: b.wav: 'nan' is no caption (no_caption)",
        "metadata.csv line 4: a.wav: the input names it twice; metadata.csv line 2 is taken (duplicate)",
        "metadata.csv line 5: A.WAV: the list names it, the folder lacks it; did you mean a.wav? (missing)",
        f"metadata.csv line 6: {STRAY}",
        "metadata.csv line 7: d.wav: split 'holdout' is no split's name (unknown_split)",
        f"metadata.csv line 8: 1 cell, fewer than the header's 3: {NEEDS_DELIMITER}",
        "metadata.csv line 9: the list has an entry without file_name (no_file_name)",
        "metadata.csv line 10: ../f.wav: the path leads out of the input folder (outside_input)",
        "metadata.csv line 11: b.wav: ['B', ' begins as a list of texts and is none (unreadable_caption)",
    ]
    found = check_lists("folder", str(root))
    assert found.problems[0] == Problem("metadata.csv", 3, "b.wav", "no_caption", "'nan' is no caption")
    assert [clip.source_id for clip in found.listing.clips] == ["a.wav"]
    assert found.listing.notes == ["1 sound file of the input that the list does not name: left out"]


def test_an_input_that_cannot_be_used_is_one_problem(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"metadata.csv": b"file_name\n"})
    (problem,) = check_lists("folder", str(root)).problems
    assert (problem.reason, problem.line) == ("unusable", None)
    assert "no column caption or captions" in str(problem)


def test_every_problem_of_the_other_layouts_has_its_file(tmp_path: Path) -> None:
    columns = ["audiocap_id", "youtube_id", "start_time", "caption"]
    rows = [["1", "a", "0", "A"], ["2", "", "0", "B"], ["3", "c", "soon", "C"], ["4", "d", "0", "None"], ["5", "e"]]
    files = {"csv_files_v1/train.csv": csv_bytes(columns, rows), "train/a_0.wav": b"1", "train/d_0.wav": b"1"}
    assert [line.partition(": ")[0] for line in lines("audiocaps", write_tree(tmp_path / "a", files))] == [
        f"csv_files_v1/train.csv line {number}" for number in (3, 4, 6, 5)
    ]
    columns = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    rows = [["a.wav", *"abcde"], ["gone.wav", *"abcde"], ["", *"abcde"], ["d.wav", *"abcdef"]]
    metadata = csv_bytes(["file_name", "license"], [["a.wav", "CC0"], ["b.wav"]])
    files = {
        "clotho_captions_development.csv": csv_bytes(columns, rows),
        "clotho_metadata_development.csv": metadata,
        "development/A.wav": b"1",
        "development/a.wav": b"1",
    }
    assert lines("clotho", write_tree(tmp_path / "c", files)) == [
        f"clotho_metadata_development.csv line 3: 1 cell, fewer than the header's 2: {NEEDS_DELIMITER}",
        "clotho_captions_development.csv line 3: gone.wav: the list names it, the folder lacks it (missing)",
        "clotho_captions_development.csv line 4: the list has an entry without file_name (no_file_name)",
        f"clotho_captions_development.csv line 5: 7 cells, more than the header's 6: {NEEDS_MARKS}",
    ]
    wavcaps = {"fsd_final.json": wavcaps_json([wavcaps_item(1), {"caption": "x"}])[:-2], "1.flac": b"1"}
    assert [line.partition(": ")[0] for line in lines("freesound", write_tree(tmp_path / "w", wavcaps))] == [
        "fsd_final.json line 1",
        "fsd_final.json line 1",
    ]
    pairs = {"train/1.json": pair_json(1), "train/2.json": b'{\n"text": ', "train/2.flac": b"1"}
    assert [line.partition(": ")[0] for line in lines("freesound", write_tree(tmp_path / "p", pairs))] == [
        "train/1.json",
        "train/2.json",
    ]
