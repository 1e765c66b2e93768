"""What the machine gives a command: the encoding of names, the folder that it is called in, memory."""

from __future__ import annotations

import errno
import os
import sys

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


def is_utf8(text: str) -> bool:
    """Whether a word of the command line can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
