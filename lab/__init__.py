"""Glasscloud: a cloud with glass walls."""

from __future__ import annotations

from typing import Any

__all__ = ["Cloud", "run"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        from lab import cloud

        return getattr(cloud, name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")
