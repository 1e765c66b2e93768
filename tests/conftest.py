"""Which files of tests are read, and their order: those with slow tests come first, so that workers end together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine takes longer for an example, which says nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out a file whose tests are all slow where slow tests are left out: importing it takes time too."""
    if config.option.markexpr != "not slow" or not collection_path.match("test_*.py"):
        return None
    text = collection_path.read_text(encoding="utf-8")
    return True if re.search(r"^pytestmark = pytest\.mark\.slow$", text, re.MULTILINE) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files with slow tests before all others; within both, and within a file, the order stays as it is."""
    with_slow_tests = {item.location[0] for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.location[0] not in with_slow_tests)
