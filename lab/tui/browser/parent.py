"""An application that is shown in a browser ends with the server that started it."""

from __future__ import annotations

import os

from textual.app import App

LOOK_S = 1.0
"""How often a served application looks whether its server is still there."""


def served() -> bool:
    """Whether this process shows itself in a browser."""
    return "WebDriver" in os.environ.get("TEXTUAL_DRIVER", "")


def end_with_server(app: App[None]) -> None:
    """End the application when the server that started it is gone, however it went. Call it when the application runs."""
    server = os.getppid()

    def look() -> None:
        if os.getppid() != server:
            app.exit()

    app.set_interval(LOOK_S, look)
