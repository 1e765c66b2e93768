"""Where clips come from: one module a layout that people have on disk, each listing clips without decoding any."""

from __future__ import annotations

from collections.abc import Callable

from transforms.sources.audiocaps import list_audiocaps
from transforms.sources.clotho import list_clotho
from transforms.sources.folder import list_folder
from transforms.sources.freesound import list_freesound
from transforms.sources.input_tree import SourceUnusable
from transforms.sources.listing import EVERYTHING, Listing, Selection

__all__ = ["FREESOUND_SOURCES", "LAYOUTS", "Listing", "Selection", "SourceUnusable", "list_clips"]

#: Name of the layout → function of the input folder, the dataset's name and the selection.
LAYOUTS: dict[str, Callable[[str, str, Selection], Listing]] = {
    "audiocaps": list_audiocaps,
    "clotho": list_clotho,
    "folder": list_folder,
    "freesound": list_freesound,
}

#: Layouts whose clips have Freesound's ids.
FREESOUND_SOURCES = ("clotho", "freesound")


def list_clips(source: str, input_dir: str, dataset: str, selection: Selection = EVERYTHING) -> Listing:
    """Lists the clips of an input folder in the layout named `source`.

    Raises:
        SourceUnusable: when there is no such layout or folder, or its list cannot be read.
    """
    if source not in LAYOUTS:
        raise SourceUnusable(f"no source is named {source!r}; there is {', '.join(sorted(LAYOUTS))}")
    return LAYOUTS[source](input_dir, dataset, selection)
