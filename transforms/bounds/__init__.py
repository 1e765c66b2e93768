"""Limits for what strangers send: tables, JSON and YAML are measured before they are decoded."""

from __future__ import annotations


class Refused(ValueError):
    """A file that is damaged, or larger than its release or a limit allows; one line for the user."""
