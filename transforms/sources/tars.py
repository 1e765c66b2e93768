"""Tar files as folders of pieces: listed by hopping over their headers; nothing is unpacked, ever."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Self, cast

from transforms import storage
from transforms.bounds.limits import MOST_TAR_HEADER_BYTES, SPARE_TAR_HEADER_BYTES, TAR_HEADER_BYTES
from transforms.errors import first_line, reason_of
from transforms.sources.input_tree import NOT_A_FILE, OUTSIDE, Place, Refusal
from transforms.sources.names import inside_name, is_dropping
from transforms.sources.ranged_file import open_ranged

#: Zeros between two tars that were joined: a tar is filled up to 10 kB, by option to a few megabytes.
_MOST_ZERO_BYTES, _ZEROS_AT_ONCE = 1 << 26, 1 << 20

_DIGITS = re.compile(rb"\d{300}")

#: Members of these endings are read while the tar is listed: what a clip's sidecar may take at most.
SIDECAR_ENDING, MOST_SIDECAR_BYTES = ".json", 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in a tar, by its name there; `sidecar` holds its bytes where it is a JSON file."""

    name: str
    place: Place
    sidecar: bytes | None = None


@dataclass(frozen=True, slots=True)
class RefusedMember:
    """A member that is not read, or (without a name) the rest of a tar that could not be."""

    name: str | None
    refusal: Refusal


class _HeadersOnly:
    """A tar as tarfile sees it; no read is larger than a header may be, whatever the header promises.

    Long headers are read at the cost of a spare number of bytes, which each member fills up a little.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = SPARE_TAR_HEADER_BYTES

    def begin_member(self) -> None:
        """Allows the bytes that the headers of one more member usually take."""
        self._left = min(self._left + TAR_HEADER_BYTES, SPARE_TAR_HEADER_BYTES)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_TAR_HEADER_BYTES:
            raise tarfile.ReadError("a header promises more than a header holds")
        self._left -= size
        if self._left < 0:
            raise tarfile.ReadError("its headers are longer than those of its files")
        data = self._file.read(size)
        # tarfile searches each header in a time that grows with the square of a run of digits.
        if _DIGITS.search(data):
            raise tarfile.ReadError("a header holds a number of more than 300 digits")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class _PlainInfo(tarfile.TarInfo):
    """A header as tarfile reads it, in half the time where it is of a plain file: owner and times are left out."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        name, size, checksum = buf[:100].rstrip(b"\0"), buf[124:135], buf[148:154]
        plain = (
            len(buf) == tarfile.BLOCKSIZE
            and buf[156:157] == tarfile.REGTYPE
            and size.isdigit()
            and checksum.isdigit()
            and not buf[345]
            and not name.endswith(b"/")
            and b"\0" not in name
        )
        if not plain or int(checksum, 8) != sum(buf[:148]) + sum(buf[156:]) + 8 * ord(" "):
            return super().frombuf(buf, encoding, errors)
        info = cls(name.decode(encoding, errors))
        info.size = int(size, 8)
        return info


def list_tar(path: str, size_bytes: int) -> Iterator[Member | RefusedMember]:
    """The members of a tar in their order, and last, where it is cut or broken, what that costs.

    Reads headers and JSON members alone. A member that is cut is refused; those before it are whole.
    """
    if not size_bytes:
        yield RefusedMember(None, Refusal("empty", "the tar has no bytes"))
        return
    try:
        with open_ranged(path, size_bytes) as file:
            yield from _members(path, size_bytes, file)
    except OSError as error:
        yield RefusedMember(None, Refusal("unreadable", reason_of(error)))


def _members(path: str, size_bytes: int, file: BinaryIO) -> Iterator[Member | RefusedMember]:
    seen: set[str] = set()
    # Typed loosely: what is asked of it below is documented in its source alone.
    tar: Any = None
    headers = _HeadersOnly(file)
    at = 0
    while True:
        try:
            headers.begin_member()
            if tar is None:
                file.seek(at)
                tar = tarfile.TarFile(fileobj=cast(BinaryIO, headers), errorlevel=0, tarinfo=_PlainInfo)
            info = tar.next()
            # Every member that it has seen would stay in memory.
            tar.members = []
        except RecursionError:
            # tarfile reads a header that belongs to the next one by calling itself.
            yield RefusedMember(None, _rest(at, size_bytes, tarfile.ReadError("headers follow headers without end")))
            return
        # tarfile answers a hostile header with whatever its arithmetic raises.
        except (tarfile.TarError, ValueError, ArithmeticError, LookupError, EOFError) as error:
            yield RefusedMember(None, _rest(at, size_bytes, error))
            return
        if info is None:
            # tarfile takes a broken header for the end: the end is zeros, or nothing at all.
            zeros = _zeros(file, at, size_bytes)
            if not zeros:
                yield RefusedMember(None, _no_end(at, size_bytes))
                return
            at += zeros
            if at >= size_bytes:
                return
            if zeros >= _MOST_ZERO_BYTES:
                detail = f"{zeros >> 20} MB of zeros end at byte {at} of {size_bytes}; what follows is not read"
                yield RefusedMember(None, Refusal("broken_tar", detail))
                return
            # Another tar was joined to it.
            tar = None
            continue
        if info.size < 0 or tar.offset <= at:
            yield RefusedMember(None, Refusal("broken_tar", f"the header at byte {at} of {size_bytes} points back"))
            return
        if info.offset_data + info.size > size_bytes:
            detail = f"the tar ends after {size_bytes} bytes, within {info.name}"
            yield RefusedMember(None, Refusal("truncated", detail))
            return
        at = tar.offset
        outcome = _member(path, info, file)
        if outcome is None:
            continue
        if outcome.name in seen:
            yield RefusedMember(outcome.name, Refusal("duplicate", "the tar holds it twice; the first is taken"))
            continue
        seen.add(cast(str, outcome.name))
        yield outcome


def _zeros(file: BinaryIO, start: int, size_bytes: int) -> int:
    """How many bytes of whole blocks are zeros from `start` on; the last block may be cut."""
    file.seek(start)
    count = 0
    while count < _MOST_ZERO_BYTES:
        data = file.read(_ZEROS_AT_ONCE if count else tarfile.BLOCKSIZE)
        zeros = len(data) - len(data.lstrip(b"\0"))
        count += zeros
        if zeros < len(data) or not data:
            break
    return count if start + count >= size_bytes else count // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE


def _no_end(at: int, size_bytes: int) -> Refusal:
    if at < size_bytes:
        return _rest(at, size_bytes, None)
    return Refusal("truncated", f"the tar ends after {size_bytes} bytes without the zeros that end one")


def _rest(at: int, size_bytes: int, error: Exception | None) -> Refusal:
    why = f" ({first_line(error)})" if error is not None and str(error) else ""
    if size_bytes - at < tarfile.BLOCKSIZE:
        return Refusal("truncated", f"the tar ends after {size_bytes} bytes, within a header")
    if not at:
        return Refusal("broken_tar", f"it is no plain tar{why}; a compressed one has to be unpacked first")
    return Refusal("broken_tar", f"what follows byte {at} of {size_bytes} is no header{why}")


def _member(path: str, info: tarfile.TarInfo, file: BinaryIO) -> Member | RefusedMember | None:
    if info.isdir() or is_dropping(info.name):
        return None
    if not info.isreg() or info.issparse():
        return RefusedMember(info.name, NOT_A_FILE)
    name = inside_name(info.name)
    if name is None:
        return RefusedMember(info.name, OUTSIDE)
    modified_ns = None if storage.is_remote(path) else os.fstat(file.fileno()).st_mtime_ns
    place = Place(path, info.size, name, info.offset_data, modified_ns=modified_ns)
    if not name.lower().endswith(SIDECAR_ENDING):
        return Member(name, place)
    if info.size > MOST_SIDECAR_BYTES:
        return RefusedMember(name, Refusal("too_large", f"a JSON file of {info.size} bytes"))
    file.seek(info.offset_data)
    return Member(name, place, file.read(info.size))
