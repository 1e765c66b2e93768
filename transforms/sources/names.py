"""Names of files as lists write them and as disks have them, and the files that only a file manager knows of."""

from __future__ import annotations

import html
import os
import posixpath
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from transforms.sources.lists.text import printable, short, stripped

#: Endings of audio files; what they really hold is found out when they are decoded.
AUDIO_ENDINGS = frozenset(
    (".flac", ".wav", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".au", ".caf", ".w64", ".wma")
)

#: A regular expression of names of audio files.
LOOKS_LIKE_AUDIO = rf".*\.(?:{'|'.join(sorted(ending[1:] for ending in AUDIO_ENDINGS))})"

#: What file managers, network drives and version control leave beside the files of a person.
_DROPPINGS = re.compile(
    r"\._.*|\.ds_store|\.localized|\.apdisk|icon\r|thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory|~\$.*|\.~lock\..*#"
    r"|\.nfs[0-9a-f]+|__macosx|\.appledouble|\.spotlight-v100|\.trashes|\.trash-\d+|\.fseventsd|\.temporaryitems"
    r"|\.documentrevisions-v100|\$recycle\.bin|system volume information|lost\+found|@eadir|#recycle|#snapshot"
    r"|\.git|\.svn|\.hg|\.ipynb_checkpoints",
    re.IGNORECASE | re.DOTALL,
)


def is_dropping(name: str) -> bool:
    """Whether a file, or a folder above it, was left by a program and is no part of the data (`._a.wav`, .DS_Store)."""
    return any(_DROPPINGS.fullmatch(part) for part in name.split("/"))


def is_audio(name: str) -> bool:
    """Whether a name ends as audio does."""
    return os.path.splitext(name)[1].lower() in AUDIO_ENDINGS


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


def spellings(name: str) -> Iterator[str]:
    """A name with accents composed and without space around its parts, and the same with its entities resolved."""
    yield _composed(name)
    if "&" in name:
        yield _composed(html.unescape(name))


def _composed(name: str) -> str:
    return "/".join(map(stripped, unicodedata.normalize("NFC", name).split("/")))


#: Where more than one file has a name.
SEVERAL = ""


class NameIndex:
    """The names of files, found by however a list spells them."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find(self, name: str) -> str | None:
        """The file that `name` means, accents, entities and space aside; SEVERAL where it may mean more than one."""
        if name in self._names:
            return name
        return next((self._by_spelling[key] for key in spellings(name) if key in self._by_spelling), None)

    def near(self, name: str) -> str | None:
        """The one other file that `name` may mean: in other case, in another folder, or with another ending."""
        folded = _composed(name).casefold()
        base = folded.rpartition("/")[2]
        found = (self._by_case.get(folded), self._by_base.get(base), self._by_stem.get(os.path.splitext(base)[0]))
        return next((near for near in found if near not in (None, SEVERAL, name)), None)

    @cached_property
    def _by_spelling(self) -> dict[str, str]:
        return _by_key((spelling, name) for name in self._names for spelling in dict.fromkeys(spellings(name)))

    @cached_property
    def _by_case(self) -> dict[str, str]:
        return _by_key((_composed(name).casefold(), name) for name in self._names)

    @cached_property
    def _by_base(self) -> dict[str, str]:
        return _by_key((_composed(name).casefold().rpartition("/")[2], name) for name in self._names)

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        bases = ((_composed(name).casefold().rpartition("/")[2], name) for name in self._names if is_audio(name))
        return _by_key((os.path.splitext(base)[0], name) for base, name in bases)


def _by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, name in pairs:
        found[key] = SEVERAL if key in found else name
    return found


def did_you_mean(name: str | None) -> str:
    """The end of a message that asks for another name, empty where there is none."""
    return "" if name is None else f"; did you mean {short(printable(name))}?"
