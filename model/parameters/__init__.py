"""Counts the parameters of configurations, without loading weights.

python -m model.parameters elsa-base
"""

from __future__ import annotations

from model.parameters.counting import count_parameters, table

__all__ = ["count_parameters", "table"]
