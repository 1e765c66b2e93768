"""The audio of an input by name, in folders and in tars; entities and accents match however they were stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from transforms import storage
from transforms.records import SPLITS, Rejection
from transforms.sources.input_tree import OUTSIDE, InputTree, Place, Refusal, SourceUnusable
from transforms.sources.listing import Selection, missing
from transforms.sources.names import AUDIO_ENDINGS, NameIndex, is_audio, spellings
from transforms.sources.tars import Member, RefusedMember, list_tar

#: Requests in flight where the input is remote; a disk of this machine gains nothing by several.
REMOTE_REQUESTS = 32

_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of an input; the name of a tar without its ending stands for a folder."""

    name: str
    audio: Place | Refusal
    sidecar: bytes | None = None


def loose_audio(tree: InputTree) -> Iterator[Piece]:
    """The audio files of a tree that are in no tar, those that are refused among them."""
    for name in sorted((*tree.sizes, *tree.refused)):
        if is_audio(name):
            place = tree.place(name)
            assert place is not None
            yield Piece(name, place)


def tarred(tree: InputTree) -> Iterator[Piece | Rejection]:
    """Every file in the tars of a tree, and what of them could not be read."""
    for name in tree.sizes:
        if name.lower().endswith(_PACKED):
            detail = "a compressed tar cannot be read in pieces: unpack it, or its compression"
            yield Rejection(name, "list", "compressed_tar", detail)
    for name, refusal in tree.refused.items():
        if name.lower().endswith(".tar"):
            yield Rejection(name, "list", refusal.reason, refusal.detail)
    tars = [name for name in tree.sizes if name.lower().endswith(".tar")]
    listings = in_order(lambda name: list(list_tar(tree.file(name), tree.sizes[name])), tars, remote=_is_remote(tree))
    for tar, members in zip(tars, listings, strict=True):
        for member in members:
            yield _piece(tar, member)


def _piece(tar: str, member: Member | RefusedMember) -> Piece | Rejection:
    if isinstance(member, Member):
        return Piece(f"{tar[:-4]}/{member.name}", member.place, member.sidecar)
    file = tar if member.name is None else f"{tar}/{member.name}"
    return Rejection(file, "list", member.refusal.reason, member.refusal.detail)


def lost_folders(tree: InputTree) -> Iterator[Rejection]:
    """What of a tree could not be looked into; no list tells what it holds."""
    for name, refusal in tree.refused_folders().items():
        yield Rejection(name, "list", refusal.reason, refusal.detail)


def in_order(function: Callable[[Item], Result], items: Sequence[Item], *, remote: bool) -> Iterator[Result]:
    """What `function` gives for each item, in their order; where `remote`, several requests are in flight at once."""
    if not remote:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(REMOTE_REQUESTS) as pool:
        # A window at a time: results of a hundred thousand requests are not held at once.
        waiting = iter(items)
        while window := list(islice(waiting, 4 * REMOTE_REQUESTS)):
            yield from pool.map(function, window)


def _is_remote(tree: InputTree) -> bool:
    return storage.is_remote(tree.root)


class AudioFiles:
    """The audio files of a tree by name and by the split that their folders tell; from one listing."""

    def __init__(
        self, tree: InputTree, selection: Selection, *, leave_out: Callable[[str], bool] | None = None
    ) -> None:
        self._found: dict[tuple[str | None, str], Piece] = {}
        self._pieces: dict[str, tuple[Piece, str | None]] = {}
        self._taken: set[str] = set()
        self.rejections: list[Rejection] = list(lost_folders(tree))
        """What of the folders and tars could not be read."""
        tarred_pieces = list(self._audio_of(tarred(tree)))
        for piece in (*loose_audio(tree), *tarred_pieces):
            if leave_out is not None and leave_out(piece.name):
                continue
            folders, _, base = piece.name.rpartition("/")
            split = selection.split_of(folders.split("/")) if folders else None
            self._pieces.setdefault(piece.name, (piece, split))
            for spelling in spellings(os.path.splitext(base)[0]):
                self._found.setdefault((split, spelling), piece)
        self._names = NameIndex(self._pieces)
        if not self._found:
            refuse_zips(tree)

    def _audio_of(self, pieces: Iterable[Piece | Rejection]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, Rejection):
                self.rejections.append(piece)
            elif is_audio(piece.name):
                yield piece

    def __iter__(self) -> Iterator[tuple[str | None, str]]:
        """Split (None where no folder tells it) and stem of every file."""
        return iter(self._found)

    @property
    def unlisted(self) -> int:
        """How many of the files nobody has asked for by name."""
        return len(self._pieces) - len(self._taken)

    def find(self, name: str, split: str | None) -> Piece | None:
        """The file of a name, with or without an ending: in the split's folders, else in those that tell no split.

        A folder in the name is left out where it is no part of the file's own name; where `split` is None, the folders
        of any split are looked into.
        """
        plain = name.replace("\\", "/")
        places = (split, None) if split is not None else (None, *SPLITS)
        for wanted in dict.fromkeys((name, plain.rpartition("/")[2])):
            stem, ending = os.path.splitext(wanted)
            wanted = stem if ending.lower() in AUDIO_ENDINGS else wanted
            keys = ((of_split, spelling) for of_split in places for spelling in spellings(wanted))
            piece = next((self._found[key] for key in keys if key in self._found), None)
            if piece is not None:
                self._taken.add(piece.name)
                return piece
        return None

    def audio(self, name: str, split: str | None) -> Place | Refusal:
        """Where the file of a name lies; see `find`."""
        piece = self.find(name, split)
        return missing(self._names.near(name)) if piece is None else piece.audio

    def split_of(self, name: str) -> str | None:
        """The split that the folders of the file of a name tell, of whatever split it is."""
        piece = self.find(name, None)
        return None if piece is None else self._pieces[piece.name][1]


def refuse_zips(tree: InputTree) -> None:
    """Says what to do where an input holds its audio in zip archives alone.

    Raises:
        SourceUnusable: where there is one.
    """
    endings = (".zip", *(f".z{number:02d}" for number in range(1, 100)))
    first = next((name for name in tree.sizes if name.lower().endswith(endings)), None)
    if first is not None:
        raise SourceUnusable(
            f"{tree.path(first)}: audio in zip archives is not read; join and unpack them first "
            "(zip -s- IN.zip -O ALL.zip; unzip ALL.zip), or pack the files into tars"
        )


def list_name(tree: InputTree, *names: str) -> str | None:
    """The first of these names that is a list of the tree; None where the tree has none of them.

    Raises:
        SourceUnusable: where the first of them that is there may not be read, a link that leads out of the input, say.
    """
    for name in names:
        if name in tree.sizes:
            return name
        if name in tree.refused:
            refusal = tree.refused[name]
            mend = "a link that leads out of the input; copy the list itself there" if refusal == OUTSIDE else ""
            raise SourceUnusable(f"{tree.path(name)} is not read: {mend or refusal.detail}")
    return None


def below(tree: InputTree, name: str) -> InputTree:
    """The dataset's own folder: the tree itself, or the folder called `name` in it."""
    return tree.below(name) if tree.has_folder(name) else tree
