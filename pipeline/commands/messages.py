"""The lines that a command prints about rejected inputs and failed shards: a few by name, many by reason."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.escaping import terminal_text
from transforms.records import Rejection

#: Up to so many are named one by one; more are counted by reason, each reason with so many examples.
MOST_NAMED, EXAMPLES = 10, 3


def rejection_lines(rejections: Sequence[Rejection], table: str | None) -> list[str]:
    """The lines that name rejected inputs.

    Args:
        rejections: the inputs, each with its reason and detail.
        table: the file that lists them all; more than MOST_NAMED are then counted by reason. None names each one.
    """
    return [terminal_text(line) for line in _rejection_lines(rejections, table)]


def _rejection_lines(rejections: Sequence[Rejection], table: str | None) -> list[str]:
    if table is None or len(rejections) <= MOST_NAMED:
        return [f"rejected {rejected.file}: {rejected.reason}: {rejected.detail}" for rejected in rejections]
    by_reason: dict[str, list[str]] = {}
    for rejected in rejections:
        by_reason.setdefault(rejected.reason, []).append(rejected.file)
    lines = []
    for reason, files in sorted(by_reason.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        more = f" and {len(files) - EXAMPLES} more" if len(files) > EXAMPLES else ""
        lines.append(f"rejected {len(files)} as {reason}: {', '.join(files[:EXAMPLES])}{more}")
    return [*lines, f"rejected {len(rejections)} in all; {table} lists each with its reason"]


def failure_lines(failures: Sequence[str], table: str) -> list[str]:
    """The lines that name failed shards.

    Args:
        failures: one text a shard, `shard: stage: cause`; more than MOST_NAMED are grouped by stage and kind of error.
        table: the file or folder that has more about each.
    """
    if len(failures) <= MOST_NAMED:
        return list(failures)
    by_cause: dict[str, list[str]] = {}
    for failure in failures:
        shard, _, cause = failure.partition(": ")
        # Causes differ in the paths that they name; the stage and the kind of error are the same.
        by_cause.setdefault(": ".join(cause.split(": ")[:2]), []).append(f"{shard}: {cause}")
    lines = []
    for same in sorted(by_cause.values(), key=lambda failed: (-len(failed), failed[0])):
        others = len(same) - 1
        more = f" (and {others} more {'shards' if others > 1 else 'shard'} with the same cause)" if others else ""
        lines.append(same[0] + more)
    if len(lines) > MOST_NAMED:
        lines = [*lines[:MOST_NAMED], f"… and {len(lines) - MOST_NAMED} more causes"]
    return [*lines, f"{len(failures)} shards failed in all, see {table}"]
