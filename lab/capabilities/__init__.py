"""The support matrices of nova, cinder and ML2 by era (`matrix`, `supports`, `render`), and our own drivers as tested."""

from lab.capabilities.matrix import ERAS, KINDS, Feature, Matrix, Support, matrix, supports
from lab.capabilities.render import render
from lab.capabilities.tested import recorded, render_tested

__all__ = ["ERAS", "KINDS", "Feature", "Matrix", "Support", "matrix", "recorded", "render", "render_tested", "supports"]
