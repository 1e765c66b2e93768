"""Whatever is wrong with a list is said with the list's name and the line."""

from __future__ import annotations

from pathlib import Path

from tests.layouts import csv_bytes, wavcaps_item, wavcaps_json, write_tree
from transforms.sources import list_clips

NEEDS_DELIMITER = "an empty cell needs its delimiter too"
NEEDS_MARKS = "a cell that holds the delimiter needs quotation marks"
STRAY = "a quotation mark stands alone, or is followed by more than the end of its cell"


def lines(source: str, root: Path) -> list[str]:
    """What each refused entry says, its file and its reason behind it."""
    rejections = list_clips(source, str(root), "d").rejections
    return [f"{one.detail} ({one.file}, {one.reason})" for one in rejections]


def test_every_problem_of_a_folder_has_its_line(tmp_path: Path) -> None:
    text = (
        "file_name,caption,split\r\na.wav,A dog,train\r\nb.wav,nan,\r\n./a.wav,B,test\r\nA.WAV,C,\r\n"
        "c.wav,\"C,\r\nd.wav,D,holdout\r\ne.wav\r\n,E,\r\n../f.wav,F,\r\nb.wav,\"['B', '\",\r\n,,\r\n"
    )
    root = write_tree(tmp_path, {"metadata.csv": text.encode(), "a.wav": b"1", "b.wav": b"1", "z.wav": b"1"})
    assert lines("folder", root) == [
        "metadata.csv line 3: 'nan' is no caption (b.wav, no_caption)",
        "metadata.csv line 4: the input names it twice; metadata.csv line 2 is taken (a.wav, duplicate)",
        "metadata.csv line 5: the list names it, the folder lacks it; did you mean a.wav? (A.WAV, missing)",
        f"metadata.csv line 6: {STRAY} (metadata.csv:6, broken_row)",
        "metadata.csv line 7: split 'holdout' is no split's name (d.wav, unknown_split)",
        f"metadata.csv line 8: 1 cell, fewer than the header's 3: {NEEDS_DELIMITER} (metadata.csv:8, broken_row)",
        "metadata.csv line 9: the list has an entry without file_name ((no name), no_file_name)",
        "metadata.csv line 10: the path leads out of the input folder (../f.wav, outside_input)",
        "metadata.csv line 11: ['B', ' begins as a list of texts and is none (b.wav, unreadable_caption)",
    ]


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
        f"clotho_metadata_development.csv line 3: 1 cell, fewer than the header's 2: {NEEDS_DELIMITER}"
        " (clotho_metadata_development.csv:3, broken_row)",
        "clotho_captions_development.csv line 3: the list names it, the folder lacks it (gone.wav, missing)",
        "clotho_captions_development.csv line 4: the list has an entry without file_name ((no name), no_file_name)",
        f"clotho_captions_development.csv line 5: 7 cells, more than the header's 6: {NEEDS_MARKS}"
        " (clotho_captions_development.csv:5, broken_row)",
    ]
    wavcaps = {"fsd_final.json": wavcaps_json([wavcaps_item(1), {"caption": "x"}])[:-2], "1.flac": b"1"}
    assert [line.partition(": ")[0] for line in lines("freesound", write_tree(tmp_path / "w", wavcaps))] == [
        "fsd_final.json line 1 entry 2",
        "fsd_final.json line 1 entry 3",
    ]
