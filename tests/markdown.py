"""A page of Markdown taken apart: its lines, headings, links, tables, and the commands that it shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_FENCE = re.compile(r"^ *```(\w*)")
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
#: Words that start another command in the same line of a shell.
_SEPARATORS = ("&&", "||", "|", "&", ";", ">", "2>")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the number of its first line."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class ElsaCommand:
    """A command line of `elsa` as a page shows it.

    Attributes:
        words: what follows `elsa`.
        line: where it is on the page.
        placeholders: whether it is a synopsis, whose optional parts are in brackets and whose numbers are letters.
    """

    words: tuple[str, ...]
    line: int
    placeholders: bool


@dataclass(frozen=True)
class Page:
    """A page of Markdown, where it lies and what it is called; line numbers count from 1."""

    path: Path
    name: str
    text: str

    @classmethod
    def read(cls, path: Path, root: Path) -> Page:
        """The page at a path, called by its path below the root."""
        return cls(path, path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))

    @cached_property
    def lines(self) -> list[str]:
        """Every line."""
        return self.text.splitlines()

    @cached_property
    def blocks(self) -> list[Block]:
        """Every fenced block."""
        found: list[Block] = []
        language: str | None = None
        start, body = 0, list[str]()
        for number, line in enumerate(self.lines, 1):
            fence = _FENCE.match(line)
            if fence is None:
                body.append(line)
            elif language is None:
                language, start, body = fence[1], number + 1, []
            else:
                found.append(Block(language, "\n".join(body), start))
                language = None
        assert language is None, f"{self.name}: the block before line {start} is never closed"
        return found

    @cached_property
    def prose(self) -> list[str]:
        """The lines, with those of blocks empty, so that numbers of lines stay."""
        lines = list(self.lines)
        for block in self.blocks:
            end = block.line + len(block.text.splitlines())
            for number in range(block.line - 1, end + 1):
                if number - 1 < len(lines):
                    lines[number - 1] = ""
        return lines

    @cached_property
    def spans(self) -> list[str]:
        """The code spans of the prose, on one line each."""
        return [" ".join(span.split()) for span in _SPAN.findall("\n".join(self.prose))]

    @cached_property
    def links(self) -> list[str]:
        """The targets of links and pictures, as written."""
        text = _SPAN.sub("", "\n".join(self.prose))
        return re.findall(r"\]\(\s*([^)\s]+)", text) + re.findall(r"^ *\[[^\]]+\]: *(\S+)", text, re.MULTILINE)

    @cached_property
    def anchors(self) -> set[str]:
        """What `#…` may follow the page's name, by the rules of GitHub."""
        found: set[str] = set()
        for line in self.prose:
            heading = re.match(r"#+ +(.*?) *#*$", line)
            if heading is None:
                continue
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            count = 0
            while (name := f"{slug}-{count}" if count else slug) in found:
                count += 1
            found.add(name)
        return found

    def table_rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of every row of a table; a bar in a code span divides nothing where it is escaped."""
        for number, line in enumerate(self.prose, 1):
            if line.startswith("|"):
                yield number, [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]

    def table(self, *columns: str) -> list[dict[str, str]]:
        """The rows of all tables whose first columns have these names."""
        rows: list[dict[str, str]] = []
        inside, last = False, -1
        for number, cells in self.table_rows():
            if number != last + 1:
                inside = tuple(cells[: len(columns)]) == columns
            elif inside and not set("".join(cells)) <= set("-: "):
                rows.append(dict(zip(columns, cells, strict=False)))
            last = number
        return rows

    @cached_property
    def commands(self) -> list[ElsaCommand]:
        """Every command line of `elsa` in a block that is a shell's or has no language."""
        found = []
        for block in self.blocks:
            if block.language in ("", "sh", "bash", "console"):
                for line, text in _joined(block):
                    found += [ElsaCommand(words, line, brackets) for words, brackets in _elsa_words(text)]
        return found


def _joined(block: Block) -> list[tuple[int, str]]:
    """The commands of a block: lines that end in a backslash, or are indented below a command, belong together."""
    joined: list[tuple[int, str]] = []
    more = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        indented = line.startswith(" ") and bool(joined) and joined[-1][1].startswith("elsa ")
        if joined and (more or indented):
            joined[-1] = (joined[-1][0], f"{joined[-1][1]} {line.strip().removesuffix(chr(92))}")
        else:
            joined.append((number, line.strip().removeprefix("$ ").removesuffix("\\").strip()))
        more = line.rstrip().endswith("\\")
    return joined


def _elsa_words(text: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The words after `elsa` of every command in a line of a shell, and whether the line is a synopsis."""
    if "elsa" not in text and "pipeline.command" not in text:
        return
    plain = re.sub(r"\[Beam's options\]", "", text)
    # What begins with a bracket is optional in a synopsis; after `=` a bracket opens a list.
    without = re.sub(r"(?<![\w=\"'])\[((?:-|[A-Z])[^\]]*)\]", r"\1", plain)
    try:
        words = shlex.split(without, comments=True)
    except ValueError:
        return
    position = 0
    while position < len(words):
        starts_here = position == 0 or words[position - 1] in _SEPARATORS or "=" in words[position - 1]
        module = words[position - 1 : position + 1] == ["-m", "pipeline.command"]
        if module or (starts_here and words[position].rpartition("/")[2] == "elsa"):
            end = position + 1
            while end < len(words) and words[end] not in _SEPARATORS:
                end += 1
            own = [word.rstrip("…") or word for word in words[position + 1 : end]]
            yield tuple(own), without != plain
            position = end
        position += 1
