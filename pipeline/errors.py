"""What an error says that has been through a runner and its workers."""

from __future__ import annotations

import re

from transforms.errors import one_line


def last_words(error: BaseException) -> str:
    """The last line of an error's message, without the stage that Beam adds and without the number of an OSError.

    Beam puts the whole traceback of a worker before that line.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else one_line(error)
    # An error of gRPC has lines of its own, and ends with a bracket.
    details = [line for line in lines if line.startswith("details = ")]
    if last == ">" and details:
        last = details[-1].removeprefix("details = ").strip('"')
    last = re.sub(r" \[while running '[^']*'\]$", "", last)
    return re.sub(r"^(?:\w+Error: )*\[Errno \d+\] ", "", last)
