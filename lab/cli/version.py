"""`glasscloud version`."""

from __future__ import annotations


def version() -> None:
    """Print the versions of Glasscloud and of Python."""
    import platform
    from importlib.metadata import version as installed

    print(f"glasscloud {installed('glasscloud')} (Python {platform.python_version()}, {platform.system()})")
