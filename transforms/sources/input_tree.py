"""The files of an input, local or remote, by their names: one listing, and nothing that lies outside of the folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from transforms import storage
from transforms.errors import first_line, reason_of
from transforms.sources.lists.errors import SourceUnusable
from transforms.sources.lists.text import stripped
from transforms.sources.names import AUDIO_ENDINGS, SEVERAL, NameIndex, inside_name, is_dropping, parents

__all__ = ["InputTree", "Place", "Refusal", "SourceUnusable", "list_tree"]

#: What a release has in its folder, whole or not; see `list_tree`.
_RELEASE_MARKS = ("release.json", ".elsa")


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
    target: str | None = field(default=None, compare=False)
    """The file that `path` is a link to; None where it is no link."""
    modified_ns: int | None = field(default=None, compare=False)
    """When the file, or the tar, was last written to; None where the listing does not say."""


OUTSIDE = Refusal("outside_input", "the path leads out of the input folder")
NOT_A_FILE = Refusal("not_a_file", "a folder or a special file has that name")
LINK_TO_NOTHING = Refusal("missing", "a link to nothing")
UNREADABLE = Refusal("unreadable", "no permission to read it")
LINKED_OUTSIDE = Refusal("outside_input", "a link to a folder outside of the input is not followed")
LINKED_FOLDER = Refusal("not_a_file", "a link to a folder is not followed")
BROKEN_NAME = Refusal("broken_name", "the name is not text in any encoding")
IN_RELEASE = Refusal("in_release", "it lies in a release within the input, and a release is no input")
AMBIGUOUS_NAME = Refusal("ambiguous", "two files have that name, but for accents, entities or space")


@dataclass(frozen=True)
class InputTree:
    """What one listing of a folder gave; names are relative to it, with / between their parts, and sorted."""

    root: str
    sizes: Mapping[str, int]
    refused: Mapping[str, Refusal]
    """Names that are there and are not read."""
    releases: tuple[str, ...] = ()
    """Folders that hold a release, and are passed over with all that is in them."""
    called: str | None = None
    """Another path of the root, as the user gave it."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """The path of the file that each link leads to. It lies in the input and holds no link itself."""
    modified_ns: Mapping[str, int] = field(default_factory=dict)
    """When each file was last written to, where the listing says so."""

    def name_of(self, written: str) -> str:
        """What a list means by a name: the name in this tree where it has one, else the plainest way to write it.

        It may begin with the root's path, hold backslashes, ./ and //, accents in either form, entities, and space at
        its ends.
        """
        return self._named(written) or self._relative(written) or written

    def place(self, written: str) -> Place | Refusal | None:
        """Where the file lies that a list calls `written` (see `name_of`); None where there is none."""
        found = self._named(written)
        if found == SEVERAL:
            return AMBIGUOUS_NAME
        if found is not None:
            target = self.targets.get(found)
            refusal, modified_ns = self.refused.get(found), self.modified_ns.get(found)
            return refusal or Place(self.path(found), self.sizes[found], target=target, modified_ns=modified_ns)
        inside = self._relative(written)
        if inside is None:
            return OUTSIDE
        # A link to a folder stands for all that is asked for below it.
        parts = inside.split("/")
        above = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
        if any(part in self.releases for part in above):
            return IN_RELEASE
        refusal = next((self.refused[part] for part in above if part in self.refused), None)
        return refusal or (NOT_A_FILE if inside in self._folders else None)

    def near(self, written: str) -> str | None:
        """The one file of the tree that is likely to be meant by a name that it lacks; it can be read."""
        return self._readable.near(stripped(written).replace("\\", "/"))

    def _named(self, written: str) -> str | None:
        if written in self.sizes or written in self.refused:
            return written
        relative = self._relative(written)
        return None if relative is None else self._index.find(relative)

    def _relative(self, written: str) -> str | None:
        """`written` relative to the root, without . and .. in it; None where it leads out."""
        name = stripped(written)
        for root in filter(None, (self.root, self.called)):
            if name.startswith(f"{root.rstrip('/')}/"):
                return inside_name(name[len(root.rstrip("/")) :].lstrip("/"))
        return None if storage.is_remote(name) else inside_name(name.replace("\\", "/"))

    @cached_property
    def _index(self) -> NameIndex:
        return NameIndex({**self.sizes, **self.refused})

    @cached_property
    def _readable(self) -> NameIndex:
        return NameIndex(self.sizes)

    def path(self, name: str) -> str:
        """The path or address of a name in this tree, for messages."""
        return storage.join(self.root, name)

    def file(self, name: str) -> str:
        """The path or address of the file that a name in this tree leads to, to be opened."""
        return self.targets.get(name) or self.path(name)

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
            tuple(name[len(prefix) :] for name in self.releases if name.startswith(prefix)),
            None if self.called is None else storage.join(self.called, folder),
            {name[len(prefix) :]: path for name, path in self.targets.items() if name.startswith(prefix)},
            {name[len(prefix) :]: time for name, time in self.modified_ns.items() if name.startswith(prefix)},
        )

    def has_folder(self, folder: str) -> bool:
        """Whether any file lies below `folder`."""
        return folder in self._folders


def list_tree(input_dir: str) -> InputTree:
    """Lists a folder or a prefix, once.

    Local: a link is followed where it leads to a file of this folder; links that lead elsewhere, links to folders,
    pipes, sockets and devices are refused by name. Remote: one listing of the prefix.

    What file managers leave (`._a.wav`, .DS_Store) is passed over, and so is a folder below the input that has a
    release.json or .elsa: the release of an earlier build is no input of the next.

    Raises:
        SourceUnusable: no such folder, or it cannot be listed.
    """
    return _list_remote(input_dir) if storage.is_remote(input_dir) else _list_local(input_dir)


def _list_remote(address: str) -> InputTree:
    try:
        found = storage.list_sizes(address)
    # A client of a cloud has errors of its own, which are no OSError.
    except Exception as error:
        raise SourceUnusable(f"{address} cannot be listed: {first_line(error)}") from error
    releases = _releases(found)
    sizes: dict[str, int] = {}
    refused: dict[str, Refusal] = {}
    for name in sorted(found):
        if name.endswith("/") or not name or is_dropping(name) or any(above in releases for above in parents(name)):
            continue
        if inside_name(name) != name:
            refused[name] = OUTSIDE
        else:
            sizes[name] = found[name]
    if not sizes:
        raise SourceUnusable(f"no such folder, or nothing in it: {address}")
    return InputTree(address.rstrip("/"), sizes, refused, tuple(sorted(releases)))


def _releases(names: Iterable[str]) -> set[str]:
    """The folders below the top one that hold a release, by the names of all files."""
    found = set()
    for name in names:
        parts = name.split("/")
        for index, part in enumerate(parts[1:], 1):
            if part in _RELEASE_MARKS:
                found.add("/".join(parts[:index]))
                break
    return found


def _list_local(folder: str) -> InputTree:
    if not os.path.isdir(folder):
        raise SourceUnusable(f"{'not a folder' if os.path.exists(folder) else 'no such folder'}: {folder}")
    root = os.path.realpath(folder)
    sizes: dict[str, int] = {}
    targets: dict[str, str] = {}
    modified_ns: dict[str, int] = {}
    refused: dict[str, Refusal] = {}
    releases: list[str] = []
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(os.path.join(root, prefix)) as listed:
                entries = [entry for entry in listed if not is_dropping(entry.name)]
            if prefix and any(entry.name in _RELEASE_MARKS for entry in entries):
                releases.append(prefix.rstrip("/"))
                continue
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{name}/")
                    if os.path.splitext(entry.name)[1].lower() in AUDIO_ENDINGS:
                        refused[name] = NOT_A_FILE
                elif not _is_text(entry.name):
                    refused[name] = BROKEN_NAME
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    sizes[name], modified_ns[name] = status.st_size, status.st_mtime_ns
                else:
                    outcome = _follow(entry, root)
                    if isinstance(outcome, Refusal):
                        refused[name] = outcome
                    else:
                        targets[name], status = outcome
                        sizes[name], modified_ns[name] = status.st_size, status.st_mtime_ns
        except OSError as error:
            if not prefix:
                raise SourceUnusable(f"{folder} cannot be listed: {reason_of(error)}") from error
            refused[prefix.rstrip("/")] = UNREADABLE
    called = os.path.abspath(folder)
    return InputTree(
        root,
        dict(sorted(sizes.items())),
        dict(sorted(refused.items())),
        tuple(sorted(releases)),
        called,
        targets,
        modified_ns,
    )


def _follow(entry: os.DirEntry[str], root: str) -> tuple[str, os.stat_result] | Refusal:
    """The file that a link leads to, and its size and time."""
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
    return target, os.stat(target)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
