"""spaudiopy without what it prints: importing it takes seconds, and says that no sound card is there."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from types import ModuleType


def spaudiopy_module(name: str) -> ModuleType:
    """A module of spaudiopy, imported when first asked for; only playing sound needs the card that it misses."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return importlib.import_module(f"spaudiopy.{name}")
