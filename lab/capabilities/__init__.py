"""The support matrices of nova, cinder and ML2 by era: `matrix`, `supports`, `render`."""

from lab.capabilities.matrix import ERAS, KINDS, Feature, Matrix, Support, matrix, supports
from lab.capabilities.render import render

__all__ = ["ERAS", "KINDS", "Feature", "Matrix", "Support", "matrix", "render", "supports"]
