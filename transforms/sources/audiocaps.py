"""AudioCaps as downloaders leave it: csv_files_v1/<split>.csv beside audio_32000Hz/<split>/<id>_<start>.flac."""

from __future__ import annotations

from pathlib import Path

from transforms.records import Clip, Rejection
from transforms.sources.listing import Listing, SourceUnusable
from transforms.sources.tables import AudioFiles, below, read_csv

#: How the lists and the folders of audio call each split.
SPLITS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}

_COLUMNS = ("youtube_id", "start_time", "caption")


def list_audiocaps(input_dir: str, dataset: str) -> Listing:
    """Lists AudioCaps; the rows of a list that share id and start are captions of one clip.

    Clips are of people's videos and for academic use; the lists hold no licence of a clip.

    Raises:
        SourceUnusable: no such folder, none of the lists, a list without its columns.
    """
    root = below(input_dir, "AUDIOCAPS")
    clips: list[Clip] = []
    rejections: list[Rejection] = []
    found = False
    for split, names in SPLITS.items():
        path = _first(root, [f"{folder}/{name}.csv" for folder in ("csv_files_v1", "dataset", ".") for name in names])
        if path is None:
            continue
        found = True
        audio = [AudioFiles(folder) for folder in _audio_folders(root, names)]
        table = read_csv(path, _COLUMNS)
        for (video, start), rows in table.groupby(["youtube_id", "start_time"], sort=False):
            source_id = f"{video}_{start}"
            captions = tuple(text.strip() for text in rows["caption"] if text.strip())
            place = next((files.find(source_id) for files in audio if files.find(source_id)), None)
            if not captions:
                rejections.append(Rejection(source_id, "list", "no_caption", "only empty captions", split, source_id))
            elif place is None:
                detail = "the list names it, the folder lacks it"
                rejections.append(Rejection(source_id, "list", "missing", detail, split, source_id))
            else:
                url = f"https://www.youtube.com/watch?v={video}&t={start}s"
                clips.append(Clip(dataset, split, source_id, place, captions, source_url=url))
    if not found:
        raise SourceUnusable(f"{input_dir} holds none of csv_files_v1/train.csv, val.csv, test.csv: it is no AudioCaps")
    return Listing(tuple(clips), tuple(rejections))


def _first(root: Path, names: list[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_file()), None)


def _audio_folders(root: Path, names: tuple[str, ...]) -> list[Path]:
    """audio_32000Hz/val and its like, whatever the rate in the name."""
    tops = [*sorted(root.glob("audio*")), root]
    return [top / name for top in tops for name in names if (top / name).is_dir()]
