"""The figures that real tests tell, for the table at the end of `make real`."""

from tests.real.figures import figure

__all__ = ["figure"]
