"""The recordings of an ambience, by their names in a folder."""

from __future__ import annotations

from transforms.records import SPLITS, Clip
from transforms.sources.input_tree import SourceUnusable, list_tree
from transforms.sources.names import is_audio


def list_recordings(folder: str) -> tuple[Clip, ...]:
    """The recordings below a folder, by name; they have no captions, and belong to no split.

    Raises:
        SourceUnusable: no such folder, it cannot be listed, or no recording is in it.
    """
    tree = list_tree(folder)
    names = sorted(filter(is_audio, tree.sizes))
    if not names:
        raise SourceUnusable(f"{folder} holds no recording")
    return tuple(
        Clip(
            dataset="ambience",
            split=SPLITS[0],
            source_id=name,
            path=tree.path(name),
            captions=(),
            size_bytes=tree.sizes[name],
            target=tree.targets.get(name),
            modified_ns=tree.modified_ns.get(name),
        )
        for name in names
    )
