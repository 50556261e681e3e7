"""Fixtures of real tests: figures for the table at the end of `make real`, and records of drivers that were asked elsewhere."""

from tests.contracts.record import brought
from tests.real.figures import figure

__all__ = ["brought", "figure"]
