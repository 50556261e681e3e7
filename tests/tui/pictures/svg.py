"""A screen as a small SVG that needs nothing from the network, with every cell where the terminal has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color as Mixed

WIDE, HIGH, SIZE = 9, 18, 15
"""Pixels of a cell, and of the letters in it."""
FONTS = (
    "'DejaVu Sans Mono', Menlo, Consolas, 'D2Coding', 'NanumGothicCoding', 'Noto Sans Mono CJK KR', 'Apple SD Gothic Neo', "
    "'Malgun Gothic', monospace"
)


def picture(app: App[None], title: str) -> str:
    """What stands on the screen of the running application, as SVG text that is the same for the same screen."""
    theme = app.current_theme
    ground, ink = str(theme.background), str(theme.foreground)
    columns, rows = app.size
    styles: dict[str, str] = {}
    grounds, letters = list[str](), list[str]()
    for row, line in enumerate(lines(app)):
        column = 0
        for text, style in runs(line):
            cells = cell_len(text)
            fore, back = colour(style.color, ink), colour(style.bgcolor, ground)
            if style.reverse:
                fore, back = back, fore
            if back.lower() != ground.lower():
                grounds.append(f'<rect x="{column * WIDE}" y="{row * HIGH}" width="{cells * WIDE}" height="{HIGH}" fill="{back}"/>')
            if text.strip():
                name = styles.setdefault(rule(style, fore, back), f"s{len(styles)}")
                for part, at, long in words(text):
                    place = f'x="{(column + at) * WIDE}" y="{row * HIGH + 14}" textLength="{long * WIDE}"'
                    letters.append(f'<text class="{name}{" w" if long > len(part) else ""}" {place}>{escape(part)}</text>')
            column += cells
    rules = "".join(f".{name}{{{css}}}" for css, name in styles.items())
    wide, high = columns * WIDE + 16, rows * HIGH + 16
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>text{{font:{SIZE}px {FONTS};white-space:pre}}.w{{font-size:{WIDE * 2 - 1}px}}{rules}</style>",
        f'<rect width="{wide}" height="{high}" rx="6" fill="{ground}"/>',
        '<g transform="translate(8,8)" shape-rendering="crispEdges">', *grounds, "</g>",
        '<g transform="translate(8,8)">', *letters, "</g>", "</svg>", "",
    ])


def lines(app: App[None]) -> Iterable[list[Segment]]:
    """The rows of the screen, with what lies under a dialog."""
    compositor = app.screen._compositor
    drawn = compositor.render_update(full=True, screen_stack=app._background_screens)
    return [[segment for strip in row for segment in strip] for row in drawn.strips]  # type: ignore[union-attr]


def runs(line: list[Segment]) -> Iterator[tuple[str, Style]]:
    """The texts of one row, neighbours of the same style as one."""
    for text, style, control in Segment.simplify(line):
        if text and not control:
            yield text, style or Style.null()


def words(text: str) -> Iterator[tuple[str, int, int]]:
    """Its stretches between gaps, narrow and wide letters apart: text, first cell, cells. So no letter moves another one."""
    part, first, at = "", 0, 0
    for letter in text + "\0":
        size = cell_len(letter) if letter != "\0" else 0
        same = part and letter != " " and size and (cell_len(part[-1]) == size)
        if part and not same:
            yield part, first, at - first
            part = ""
        if letter not in " \0":
            if not part:
                first = at
            part += letter
        at += size
    if part:
        yield part, first, at - first


def colour(color: Color | None, usual: str) -> str:
    """As #rrggbb."""
    return usual if color is None or color.is_default else Mixed.from_rich_color(color).hex[:7]


def rule(style: Style, fore: str, back: str) -> str:
    """The style sheet's words for a style."""
    if style.dim:
        fore = Mixed.parse(back).blend(Mixed.parse(fore), 0.6).hex
    weight = ";font-weight:bold" if style.bold else ""
    line = ";text-decoration:underline" if style.underline else ""
    return f"fill:{fore}{weight}{line}"
