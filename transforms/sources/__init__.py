"""Where clips come from: one module a layout that people have on disk, each listing clips without decoding any."""

from __future__ import annotations

from collections.abc import Callable

from transforms.sources.audiocaps import list_audiocaps
from transforms.sources.clotho import list_clotho
from transforms.sources.folder import list_folder
from transforms.sources.listing import Listing, SourceUnusable

__all__ = ["LAYOUTS", "Listing", "SourceUnusable", "list_clips"]

#: Name of the layout → function of the input folder and the dataset's name.
LAYOUTS: dict[str, Callable[[str, str], Listing]] = {
    "audiocaps": list_audiocaps,
    "clotho": list_clotho,
    "folder": list_folder,
}


def list_clips(source: str, input_dir: str, dataset: str) -> Listing:
    """Lists the clips of an input folder in the layout named `source`.

    Raises:
        SourceUnusable: when there is no such layout or folder, or its list cannot be read.
    """
    if source not in LAYOUTS:
        raise SourceUnusable(f"no source is named {source!r}; there is {', '.join(sorted(LAYOUTS))}")
    return LAYOUTS[source](input_dir, dataset)
