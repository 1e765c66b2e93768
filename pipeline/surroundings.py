"""What the machine gives a command: the encoding of names, the folder that it is called in, memory."""

from __future__ import annotations

import errno
import io
import os
import resource
import sys
from typing import Any, TextIO

#: The least address space with which Beam can be imported and starts its threads; with two workers it is 3 GB.
LEAST_ADDRESS_SPACE_BYTES = 1_500_000_000
#: What libraries say when the system refuses them memory, in errors of many kinds.
_OUT_OF_MEMORY = ("cannot allocate memory", "can't start new thread", "failed to map segment", "bad_alloc")


def restart_in_utf8() -> None:
    """Starts this program again in Python's UTF-8 mode where the locale gives names another encoding.

    With a forced ASCII or Latin-1 locale, names with accents would be other names than on the disk and in the list.
    """
    for stream in (sys.stdout, sys.stderr):
        # A stream may be closed, and its encoding may be forced to one that lacks signs.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.getfilesystemencoding().lower() in ("utf-8", "utf8") or not sys.executable or sys.flags.utf8_mode:
        return
    # The workers of a build are programs too.
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


class _NeverFailing(io.FileIO):
    """A file whose writes are dropped where the disk takes nothing."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def never_failing_stderr() -> TextIO:
    """A stream to standard error for a process whose standard error is a log on a disk that may be full.

    Beam's worker prints an error before it reports it. Where printing fails, nobody ever hears of the error.
    """
    return io.TextIOWrapper(_NeverFailing(2, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)  # type: ignore[arg-type]


def is_utf8(text: str) -> bool:
    """Whether a word of the command line can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def too_little_memory() -> str | None:
    """What is wrong with the limit of address space, in one line; None where a build can begin.

    Below the limit, imports fail or hang in libraries that say nothing.
    """
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit_bytes == resource.RLIM_INFINITY or limit_bytes >= LEAST_ADDRESS_SPACE_BYTES:
        return None
    return (
        f"this process may use {limit_bytes / 1e9:.1f} GB of address space (ulimit -v), and a build needs "
        f"{LEAST_ADDRESS_SPACE_BYTES / 1e9:.1f} GB at least"
    )


def working_folder() -> str:
    """The folder that the command was called in; empty where somebody has removed it."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that the system gave no more memory."""
    while error is not None:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(words in said for words in _OUT_OF_MEMORY):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        error = error.__cause__ or error.__context__
    return False
