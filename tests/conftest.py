"""The order of the tests: files with slow tests come first, so that parallel workers end together."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files with slow tests before all others; within both, and within a file, the order stays as it is."""
    with_slow_tests = {item.location[0] for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.location[0] not in with_slow_tests)
