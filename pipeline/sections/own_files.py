"""Files and folders of the user's own that a recipe names, such as recordings of an ambience.

A resolved recipe holds the name and the SHA-256 of such a file or folder, and no path. What is read is what the user
names: in a recipe of his own, or with --set over the recipe of a release.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationInfo

from transforms import storage
from transforms.errors import reason_of
from transforms.scenes.recordings import list_recordings
from transforms.sources import SourceUnusable
from transforms.storage import folder_files

#: The keys whose values are files or folders of the user's own. Each has a key with _sha256 at its end.
AMBIENCE = "scenes.ambience"
MEASURED = "rooms.measured"
HEAD = "receiver.head"
OWN_FILE_KEYS = (AMBIENCE, MEASURED, HEAD)


@dataclass
class Reading:
    """What a recipe that is being parsed may read, and what it has read."""

    may_read: bool = False
    """Whether the recipe is the user's own."""
    typed: frozenset[str] = frozenset()
    """The keys that the user has typed."""
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The paths of the files and folders of the user's own, by their keys."""

    def may_read_key(self, key: str) -> bool:
        """Whether the value of a key is the user's own."""
        return self.may_read or key in self.typed


def reading_of(info: ValidationInfo) -> Reading:
    """What a recipe that is being validated may read."""
    return info.context if isinstance(info.context, Reading) else Reading()


def name_own_files(values: Any, key: str, info: ValidationInfo, sha256_of: Callable[[tuple[str, ...]], str]) -> Any:
    """The values of a section, in which the paths of a key have given way to their last parts and one SHA-256.

    Args:
        values: the values of the section as they were given.
        key: the key with its section, one of OWN_FILE_KEYS; it holds a path or a list of paths.
        info: says whether the paths may be read.
        sha256_of: gives the SHA-256 of the files and folders.

    Raises:
        ValueError: they cannot be read, or are others than the recipe states.
    """
    name, reading = key.partition(".")[2], reading_of(info)
    if not isinstance(values, Mapping):
        return values
    given, stated = values.get(name), values.get(f"{name}_sha256")
    if given is None:
        return {**values, f"{name}_sha256": None} if stated is not None else values
    paths = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else ()
    if not paths or not all(isinstance(path, str) for path in paths) or not reading.may_read_key(key):
        return values
    found = sha256_of(paths)
    if stated is not None and stated != found:
        raise ValueError(f"{name}: {', '.join(paths)} holds other files than those with the SHA-256 {stated[:12]}…")
    reading.paths[key] = tuple(storage.absolute(path) for path in paths)
    names = [os.path.basename(path.rstrip("/")) or path for path in paths]
    return {**values, name: names[0] if isinstance(given, str) else names, f"{name}_sha256": found}


def recordings_sha256(folders: tuple[str, ...]) -> str:
    """SHA-256 over the names and the contents of the recordings below one folder.

    Raises:
        ValueError: there is no such folder, a recording cannot be read, or there is none.
    """
    (folder,) = folders
    digest = hashlib.sha256()
    try:
        recordings = list_recordings(folder)
    except SourceUnusable as error:
        raise ValueError(str(error)) from error
    for clip in recordings:
        try:
            with folder_files.open_listed_file(clip.target or clip.path) as file:
                content = folder_files.sha256_from_here(file)
        except OSError as error:
            raise ValueError(f"{clip.path} cannot be read: {reason_of(error)}") from error
        digest.update(f"{len(clip.source_id)}:{clip.source_id}:{content}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def measured_sha256(paths: tuple[str, ...]) -> str:
    """SHA-256 over the names and the contents of files of measured rooms.

    Raises:
        ValueError: there are none, or one cannot be read.
    """
    # These read HDF5 and sounds; a recipe without measured rooms does not import them.
    from transforms.rooms.measured.read_measured import files_sha256, measured_files

    return files_sha256(measured_files(paths))


def head_sha256(paths: tuple[str, ...]) -> str:
    """SHA-256 of the one file of a head.

    Raises:
        ValueError: there is no such file, it holds no head that can be used, or there are several.
    """
    if len(paths) > 1:
        raise ValueError(f"takes one file, not {len(paths)}")
    # It reads HDF5; a recipe without a head does not import it.
    from transforms.receivers.head_file import find_head

    return find_head(paths[0]).sha256
