"""README, docs and --help say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.command import load_commands
from pipeline.recipe import Recipe
from pipeline.shipped import shipped_recipes
from transforms.captions.check import REASONS
from transforms.shards.release_rows import ROW_COLUMNS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def recipe_keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= recipe_keys(kind, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


def test_the_docs_have_every_column_in_the_order_of_the_release() -> None:
    table = text_of("docs/releases.md").split("## Columns of metadata.parquet")[1]
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| (.*) \|$", table, re.MULTILINE)
    assert rows == [(column.name, column.type_name, column.text) for column in ROW_COLUMNS]


def test_the_guide_has_every_recipe_key_command_and_recipe() -> None:
    guide = text_of("docs/guide.md")
    for key in recipe_keys(Recipe):
        section, _, name = key.rpartition(".")
        assert f"`{key}" in guide or f"`.{name}`" in guide, f"{section}.{name}"
    for command in load_commands():
        assert f"elsa {command.name}" in guide
    for recipe in shipped_recipes():
        assert f"`{recipe}`" in guide


def test_the_page_on_captions_has_every_reason() -> None:
    page = text_of("docs/captions.md")
    for reason in REASONS:
        assert (
            f"`{reason}`" in page or f"`{reason.rpartition('_')[0]}_*`" in page or f"`{reason.split('_')[0]}_*`" in page
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
