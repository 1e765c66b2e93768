"""The recipes that come with the package, by name; the command's help lists them, so reading them is fast."""

from __future__ import annotations

from importlib import resources


def shipped_recipes() -> dict[str, str]:
    """The first comment line of every recipe that comes with the package, by the recipe's name."""
    found = {}
    for file in sorted((resources.files("pipeline") / "recipes").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            found[file.name.removesuffix(".yaml")] = file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    return found


def shipped_recipe(name: str) -> str:
    """The text of a recipe that comes with the package."""
    return (resources.files("pipeline") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
