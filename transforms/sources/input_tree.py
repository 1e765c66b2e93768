"""The files of an input, local or remote, by their names: one listing, and nothing that lies outside of the folder."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from transforms import storage

#: Endings of audio files; what they really hold is found out when they are decoded.
AUDIO_ENDINGS = frozenset(
    (".flac", ".wav", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".au", ".caf", ".w64", ".wma")
)


class SourceUnusable(ValueError):
    """The input as a whole cannot be read: no such folder, no list, a column missing. One line for the user."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not read: a machine-readable reason, and the detail for a person."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a file lie: a file, or a piece of a tar."""

    path: str
    size_bytes: int
    member: str | None = None
    offset_bytes: int | None = None


OUTSIDE = Refusal("outside_input", "the path leads out of the input folder")
NOT_A_FILE = Refusal("not_a_file", "a folder or a special file has that name")
LINK_TO_NOTHING = Refusal("missing", "a link to nothing")
UNREADABLE = Refusal("unreadable", "no permission to read it")
LINKED_OUTSIDE = Refusal("outside_input", "a link to a folder outside of the input is not followed")
LINKED_FOLDER = Refusal("not_a_file", "a link to a folder is not followed")
BROKEN_NAME = Refusal("broken_name", "the name is not text in any encoding")


@dataclass(frozen=True)
class InputTree:
    """What one listing of a folder gave; names are relative to it, with / between their parts, and sorted."""

    root: str
    sizes: Mapping[str, int]
    refused: Mapping[str, Refusal]
    """Names that are there and are not read."""

    def place(self, name: str) -> Place | Refusal | None:
        """Where the file called `name` lies, as a list may write it; None where there is none."""
        if name in self.sizes:
            return Place(storage.join(self.root, name), self.sizes[name])
        inside = inside_name(name)
        if inside is None:
            return OUTSIDE
        if inside in self.sizes:
            return Place(storage.join(self.root, inside), self.sizes[inside])
        # A link to a folder stands for all that is asked for below it.
        parts = inside.split("/")
        above = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
        refusal = next((self.refused[part] for part in above if part in self.refused), None)
        return refusal or (NOT_A_FILE if inside in self._folders else None)

    def path(self, name: str) -> str:
        """The path or address of a name in this tree."""
        return storage.join(self.root, name)

    def refused_folders(self) -> dict[str, Refusal]:
        """Folders whose files nobody sees: links to folders, and what may not be read."""
        lost = (LINKED_OUTSIDE, LINKED_FOLDER, UNREADABLE)
        return {name: refusal for name, refusal in self.refused.items() if refusal in lost}

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(folder for name in self.sizes for folder in parents(name))

    def below(self, folder: str) -> InputTree:
        """The tree of one folder in this one."""
        prefix = f"{folder}/"
        return InputTree(
            storage.join(self.root, folder),
            {name[len(prefix) :]: size for name, size in self.sizes.items() if name.startswith(prefix)},
            {name[len(prefix) :]: why for name, why in self.refused.items() if name.startswith(prefix)},
        )

    def has_folder(self, folder: str) -> bool:
        """Whether any file lies below `folder`."""
        return folder in self._folders


def inside_name(name: str) -> str | None:
    """`name` without . and .. in it; None where it leads out of the folder that it is relative to."""
    if name.startswith("/") or "\\" in name[:3] or name[1:3] == ":/":
        return None
    plain = posixpath.normpath(name)
    return None if plain == ".." or plain.startswith("../") else plain


def parents(name: str) -> Iterator[str]:
    """The folders above a name, outermost first."""
    at = name.find("/")
    while at >= 0:
        yield name[:at]
        at = name.find("/", at + 1)


def list_tree(input_dir: str) -> InputTree:
    """Lists a folder or a prefix, once.

    Local: a link is followed where it leads to a file of this folder; links that lead elsewhere, links to folders,
    pipes, sockets and devices are refused by name. Remote: one listing of the prefix.

    Raises:
        SourceUnusable: no such folder, or it cannot be listed.
    """
    return _list_remote(input_dir) if storage.is_remote(input_dir) else _list_local(input_dir)


def _list_remote(address: str) -> InputTree:
    try:
        found = storage.list_sizes(address)
    # A client of a cloud has errors of its own, which are no OSError.
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SourceUnusable(f"{address} cannot be listed: {first}") from error
    sizes: dict[str, int] = {}
    refused: dict[str, Refusal] = {}
    for name in sorted(found):
        if name.endswith("/") or not name:
            continue
        if inside_name(name) != name:
            refused[name] = OUTSIDE
        else:
            sizes[name] = found[name]
    if not sizes:
        raise SourceUnusable(f"no such folder, or nothing in it: {address}")
    return InputTree(address.rstrip("/"), sizes, refused)


def _list_local(folder: str) -> InputTree:
    if not os.path.isdir(folder):
        raise SourceUnusable(f"{'not a folder' if os.path.exists(folder) else 'no such folder'}: {folder}")
    root = os.path.realpath(folder)
    sizes: dict[str, int] = {}
    refused: dict[str, Refusal] = {}
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(os.path.join(root, prefix)) as entries:
                for entry in entries:
                    name = prefix + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{name}/")
                        if os.path.splitext(entry.name)[1].lower() in AUDIO_ENDINGS:
                            refused[name] = NOT_A_FILE
                    elif not _is_text(entry.name):
                        refused[name] = BROKEN_NAME
                    elif entry.is_file(follow_symlinks=False):
                        sizes[name] = entry.stat(follow_symlinks=False).st_size
                    else:
                        outcome = _follow(entry, root)
                        if isinstance(outcome, Refusal):
                            refused[name] = outcome
                        else:
                            sizes[name] = outcome
        except OSError as error:
            if not prefix:
                raise SourceUnusable(f"{folder} cannot be listed: {error.strerror}") from error
            refused[prefix.rstrip("/")] = UNREADABLE
    return InputTree(root, dict(sorted(sizes.items())), dict(sorted(refused.items())))


def _follow(entry: os.DirEntry[str], root: str) -> int | Refusal:
    """The size of the file that a link leads to."""
    if not entry.is_symlink():
        return NOT_A_FILE
    target = os.path.realpath(entry.path)
    outside = not (target + os.sep).startswith(root.rstrip(os.sep) + os.sep)
    if os.path.isdir(target):
        return LINKED_OUTSIDE if outside else LINKED_FOLDER
    if outside:
        return OUTSIDE
    if not os.path.exists(target):
        return LINK_TO_NOTHING
    if not os.path.isfile(target):
        return NOT_A_FILE
    return os.stat(target).st_size


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
