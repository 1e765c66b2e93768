"""Pages taken apart: anchors as GitHub makes them, links, tables, and the commands in their blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.markdown import Page


def page(text: str) -> Page:
    return Page(Path("page.md"), "page.md", text)


def words_of(block: str, language: str = "sh") -> list[tuple[str, ...]]:
    return [command.words for command in page(f"```{language}\n{block}\n```\n").commands]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("## Before a build", "before-a-build"),
        ("## Columns of metadata.parquet", "columns-of-metadataparquet"),
        ("### What is missed, and why", "what-is-missed-and-why"),
        ("# The `elsa` [command](guide.md)", "the-elsa-command"),
        ("## gs:// and s3://", "gs-and-s3"),
        ("## Größe", "größe"),
    ],
)
def test_headings_have_the_anchors_of_github(heading: str, anchor: str) -> None:
    assert page(heading).anchors == {anchor}


def test_a_repeated_heading_has_a_number_and_one_in_a_block_has_no_anchor() -> None:
    assert page("# A\n\n```sh\n# B\n```\n\n# A\n").anchors == {"a", "a-1"}


def test_links_in_prose_count_and_those_in_code_do_not() -> None:
    text = "[a](one.md#b) ![c](two.png) `[d](three.md)`\n\n```\n[e](four.md)\n```\n\n[f]: five.md\n"
    assert page(text).links == ["one.md#b", "two.png", "five.md"]


def test_a_block_that_is_never_closed_is_named() -> None:
    with pytest.raises(AssertionError, match=r"page\.md: the block before line 3"):
        page("# A\n```sh\nelsa build\n").commands  # noqa: B018


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("elsa verify out/demo   # every file", [("verify", "out/demo")]),
        ("$ elsa plan folder --input recordings\nclips   390", [("plan", "folder", "--input", "recordings")]),
        ("elsa build folder \\\n    --input a", [("build", "folder", "--input", "a")]),
        (".venv/bin/elsa embed RUN && elsa report out", [("embed", "RUN"), ("report", "out")]),
        (
            "OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 -m pipeline.command train tiny --data a",
            [("train", "tiny", "--data", "a")],
        ),
        ('elsa train x --set "data.weights=[3, 1]"', [("train", "x", "--set", "data.weights=[3, 1]")]),
        ("python -m tests.benchmarks.kills", []),
        ("elsa: refused 15 as unreadable", []),
    ],
)
def test_commands_are_found_as_a_shell_would_run_them(block: str, words: list[tuple[str, ...]]) -> None:
    assert words_of(block) == words


def test_a_synopsis_loses_its_brackets_and_says_so() -> None:
    block = "elsa build RECIPE [--set KEY=VALUE]… [--limit N]\n           [--json] [Beam's options]\nelsa embed [RUN]"
    (build, embed) = page(f"```\n{block}\n```").commands
    assert build.words == ("build", "RECIPE", "--set", "KEY=VALUE", "--limit", "N", "--json")
    assert embed.words == ("embed", "RUN")
    assert build.placeholders
    assert (build.line, embed.line) == (2, 4)


def test_python_blocks_hold_no_commands() -> None:
    assert words_of("elsa = 3", "python") == []


def test_tables_are_read_by_the_names_of_their_columns() -> None:
    text = "| key | default | |\n|---|--:|---|\n| `a` | 1 | x\\|y |\n\n| other |\n|---|\n| b |\n"
    assert page(text).table("key", "default") == [{"key": "`a`", "default": "1"}]
    assert page(text).table("other") == [{"other": "b"}]
