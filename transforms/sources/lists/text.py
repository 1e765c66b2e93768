"""Bytes as text: by their byte order mark, else as UTF-8, and line by line as Windows writes where that fails."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from transforms.bounds.limits import MOST_LIST_BYTES
from transforms.errors import reason_of
from transforms.sources.lists.errors import SourceUnusable
from transforms.storage import folder_files

#: What is read of a long file at once.
CHUNK_BYTES = 1 << 20

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Lists begin with ASCII, so these many letters show how wide a character is.
_LETTERS = 8

#: Five bytes are no character of Windows-1252; browsers read them as Latin-1 does.
_WINDOWS = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]

#: Signs that nothing shows: they are no word of a caption and no letter of a name.
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_BLANK = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + INVISIBLE


def printable(text: str) -> str:
    """`text` without what no Parquet file or terminal takes: half characters become a question mark, NULs go."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def stripped(text: str) -> str:
    """`text` without space or invisible signs at its ends."""
    return text.strip(_BLANK)


def short(text: str, most: int = 60) -> str:
    """The start of `text` on one line, for messages."""
    plain = " ".join(text.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def decode_text(data: bytes) -> str:
    """Bytes as text, without their byte order mark.

    Without a mark they are UTF-8, or UTF-16 where the first letters show it. A line that is no UTF-8 is taken as
    Windows-1252, which holds Latin-1; the other lines stay as they are.
    """
    encoding = wide_encoding(data)
    if encoding is not None:
        return data.decode(encoding, "replace").removeprefix("\ufeff")
    return decode_lines(data.removeprefix(codecs.BOM_UTF8))


def wide_encoding(start: bytes) -> str | None:
    """The encoding of two or four bytes a character that a file's first bytes show, else None."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    head = start[: 2 * _LETTERS]
    if len(head) == 2 * _LETTERS:
        for encoding, letters, zeros in (("utf-16-le", head[::2], head[1::2]), ("utf-16-be", head[1::2], head[::2])):
            if not any(zeros) and all(letters):
                return encoding
    return None


def decode_lines(data: bytes) -> str:
    """UTF-8, but for the lines that are not."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(map(_decode_line, data.splitlines(keepends=True)))


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        kept = line.decode("utf-8", "surrogateescape")
    foreign = sum("\udc80" <= sign <= "\udcff" for sign in kept)
    # More characters of UTF-8 than bytes of another encoding: it is UTF-8 with a few of them in it.
    if sum(sign > "\x7f" for sign in kept) - foreign > foreign:
        return re.sub("[\udc80-\udcff]", lambda match: _WINDOWS[ord(match[0]) - 0xDC00], kept)
    return "".join(_WINDOWS[byte] for byte in line)


def decoded_chunks(file: BinaryIO) -> Iterator[str]:
    """The text of a file in pieces, decoded as `decode_text` does."""
    data = file.read(CHUNK_BYTES)
    encoding = wide_encoding(data)
    if encoding is not None:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        while data:
            yield decoder.decode(data)
            data = file.read(CHUNK_BYTES)
        yield decoder.decode(b"", final=True)
        return
    waiting = data.removeprefix(codecs.BOM_UTF8)
    while data:
        data = file.read(CHUNK_BYTES)
        # Cut behind a line where there is one, else where a character begins, so that none is in two pieces.
        end = waiting.rfind(b"\n") + 1 or _last_beginning(waiting) if data else len(waiting)
        yield decode_lines(waiting[:end])
        waiting = waiting[end:] + data


def _last_beginning(data: bytes) -> int:
    """Where the last character begins that may go on behind the end, by its first byte in UTF-8."""
    end = len(data.rstrip(bytes(range(0x80, 0xC0))))
    return (end - (end > 0 and data[end - 1] >= 0xC0)) or len(data)


def read_text(path: str) -> str:
    """A text file, local or remote.

    Raises:
        SourceUnusable: when it cannot be read.
    """
    try:
        return decode_text(folder_files.read_listed(path, MOST_LIST_BYTES))
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read: {reason_of(error)}") from error
