"""The error of everything that reads settings."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """A configuration that cannot be used; the message names the file or key and the value, on one line."""
