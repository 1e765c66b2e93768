"""AudioCaps as downloaders leave it: csv_files_v1/<split>.csv beside audio_32000Hz/<split>/<id>_<start>.flac."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from transforms.sources.listing import Listing, SourceUnusable
from transforms.sources.tables import AudioFiles, Entry, below, listing_of, read_csv

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
    lists = {split: _list_of(root, names) for split, names in SPLITS.items()}
    if not any(lists.values()):
        raise SourceUnusable(f"{input_dir} holds none of csv_files_v1/train.csv, val.csv, test.csv: it is no AudioCaps")
    entries = (_entries(root, split, path) for split, path in lists.items() if path is not None)
    return listing_of(chain.from_iterable(entries), dataset)


def _entries(root: Path, split: str, path: Path) -> Iterator[Entry]:
    audio = [AudioFiles(folder) for folder in _audio_folders(root, SPLITS[split])]
    for (video, start), rows in read_csv(path, _COLUMNS).groupby(["youtube_id", "start_time"], sort=False):
        source_id = f"{video}_{start}"
        place = next(filter(None, (files.find(source_id) for files in audio)), None)
        url = f"https://www.youtube.com/watch?v={video}&t={start}s"
        yield Entry(split, source_id, tuple(rows["caption"]), place, source_url=url)


def _list_of(root: Path, names: tuple[str, ...]) -> Path | None:
    places = (root / folder / f"{name}.csv" for folder in ("csv_files_v1", "dataset", ".") for name in names)
    return next((path for path in places if path.is_file()), None)


def _audio_folders(root: Path, names: tuple[str, ...]) -> list[Path]:
    """audio_32000Hz/val and its like, whatever the rate in the name."""
    tops = [*sorted(root.glob("audio*")), root]
    return [top / name for top in tops for name in names if (top / name).is_dir()]
