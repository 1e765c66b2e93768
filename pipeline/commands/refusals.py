"""What a build says of the inputs that it refused: a few by name, many by reason."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.records import Rejection

#: So many are named one by one; more are counted by reason, each with so many examples.
MOST_NAMED, EXAMPLES = 10, 3


def on_one_line(text: str) -> str:
    r"""`text` with what does not print, such as a newline or a terminal's commands in a file's name, as \n or \x1b."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def refusal_lines(rejections: Sequence[Rejection], table: str | None) -> list[str]:
    """The lines that name refused inputs.

    Where `table` names the file that lists them all, more than MOST_NAMED are counted by reason; else each has a line.
    """
    return [on_one_line(line) for line in _refusal_lines(rejections, table)]


def _refusal_lines(rejections: Sequence[Rejection], table: str | None) -> list[str]:
    if table is None or len(rejections) <= MOST_NAMED:
        return [f"refused {refused.file}: {refused.reason}: {refused.detail}" for refused in rejections]
    by_reason: dict[str, list[str]] = {}
    for refused in rejections:
        by_reason.setdefault(refused.reason, []).append(refused.file)
    lines = []
    for reason, files in sorted(by_reason.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        more = f" and {len(files) - EXAMPLES} more" if len(files) > EXAMPLES else ""
        lines.append(f"refused {len(files)} as {reason}: {', '.join(files[:EXAMPLES])}{more}")
    return [*lines, f"refused {len(rejections)} in all, each with its reason in {table}"]


def failure_lines(failures: Sequence[str], table: str) -> list[str]:
    """A line for each shard (`shard: why`) that failed, or where they are many one for each cause, named by its first.

    `table` is where a user reads more.
    """
    if len(failures) <= MOST_NAMED:
        return list(failures)
    by_cause: dict[str, list[str]] = {}
    for failure in failures:
        shard, _, cause = failure.partition(": ")
        # Causes differ in the paths they name; stage and kind of error are what they share.
        by_cause.setdefault(": ".join(cause.split(": ")[:2]), []).append(f"{shard}: {cause}")
    lines = []
    for same in sorted(by_cause.values(), key=lambda failed: (-len(failed), failed[0])):
        alike = len(same) - 1
        lines.append(same[0] + (f" (and {alike} more shard{'s' * (alike > 1)} alike)" if alike else ""))
    if len(lines) > MOST_NAMED:
        lines = [*lines[:MOST_NAMED], f"… and {len(lines) - MOST_NAMED} more causes"]
    return [*lines, f"{len(failures)} shards failed in all, see {table}"]
