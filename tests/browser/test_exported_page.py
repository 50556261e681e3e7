"""The exported page in a real browser, opened as a file: it draws, filters, zooms, opens a message, and asks nobody for anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lab.cli.operations import record
from lab.journal import Entry
from lab.journal.formats import Flow, export
from tests.browser.chromium import PROGRAM, Page, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium here; on Debian: apt-get install chromium"),
]
SHOWN = "document.querySelectorAll('g.row').length"
COUNT = "document.getElementById('count').textContent"
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))"
DETAILS = "document.getElementById('details').innerText"


@pytest.fixture(scope="module")
def flow() -> Flow:
    recording = record("server_create")
    return Flow(recording.entries, recording.names, "server_create")


def see(tmp_path: Path, flow: Flow, look: Callable[[Page], Awaitable[None]], lang: str = "en") -> None:
    """Export a page, open it, look at it; afterwards it must have asked only for itself and thrown nothing."""
    path = tmp_path / "flow.html"
    path.write_text("".join(export("html", flow, lang)), encoding="utf-8")

    async def main() -> None:
        async with chromium(tmp_path / "profile") as page:
            await page.open(path.as_uri())
            await look(page)
            assert {url.partition("#")[0] for url in page.requests} == {path.as_uri()}
            assert page.errors == []

    asyncio.run(main())


async def place_of(page: Page, words: str) -> tuple[float, float]:
    row = f"[...document.querySelectorAll('g.row')].find(g => g.textContent.includes({words!r}))"
    box = await page.ask(f"(b => [b.x + 20, b.y + b.height / 2])({row}.querySelector('text.words').getBoundingClientRect())")
    return box[0], box[1]


def test_a_message_is_opened_with_its_cause_and_its_effects(tmp_path: Path, flow: Flow) -> None:
    async def look(page: Page) -> None:
        assert await page.ask(SHOWN) > 10
        await page.click(*await place_of(page, "build_and_run_instance"))
        told = await page.ask(DETAILS)
        assert "nova-compute@compute-2" in told
        assert '"exchange": "nova"' in told
        assert '"requested_networks"' in told
        cause = await page.ask("document.querySelector('#details .link').textContent")
        assert cause.startswith("nova-api: schedule_and_build_instances")
        await page.ask("document.querySelector('#details .link').click()")
        assert (await page.ask("document.querySelector('#details h2').innerText")).endswith("schedule_and_build_instances (conductor)")
        effects = await page.ask("[...document.querySelectorAll('#details .link')].map(a => a.textContent)")
        assert any("build_and_run_instance" in effect for effect in effects[1:])

    see(tmp_path, flow, look)


def test_it_is_filtered_by_kind_service_request_and_words(tmp_path: Path, flow: Flow) -> None:
    async def look(page: Page) -> None:
        async def count() -> int:
            return int(re.findall(r"\d+", await page.ask(COUNT))[-1])  # 전체 201줄 중 175줄

        whole = await count()
        await page.ask("document.querySelector('#kinds [data-name=rest]').click()")
        assert 0 < await count() < whole
        await page.ask("document.querySelector('#kinds [data-name=rest]').click()")
        await page.ask("document.querySelectorAll('#services .chip').forEach(c => c.dataset.name === 'glance' || c.click())")
        glance = await count()
        assert 0 < glance < whole
        await page.ask("document.querySelectorAll('#services .chip').forEach(c => c.dataset.name === 'glance' || c.click())")
        await page.ask("(s => { s.selectedIndex = 1; s.onchange() })(document.getElementById('request'))")
        assert 0 < await count() < whole
        await page.ask("(s => { s.selectedIndex = 0; s.onchange() })(document.getElementById('request'))")
        assert await count() == whole
        await page.key("/")
        for letter in "select_dest":
            await page.key(letter)
        assert await page.ask("document.getElementById('search').value") == "select_dest"
        assert 0 < await count() < 8
        for letter in "xyz":
            await page.key(letter)
        assert "맞는 것이 없습니다" in await page.ask("document.getElementById('sheet').innerText")
        await page.ask("document.querySelector('#sheet button').click()")
        assert await count() > whole  # all kinds, the notifications too

    see(tmp_path, flow, look, "ko")


def test_it_is_zoomed_walked_by_keys_and_turned_dark(tmp_path: Path, flow: Flow) -> None:
    async def look(page: Page) -> None:
        height = "document.getElementById('sheet').offsetHeight"
        before = await page.ask(height)
        await page.key("+")
        assert await page.ask(height) > before * 1.2
        await page.key("0")
        assert await page.ask(height) == before
        first = await page.ask("document.querySelector('g.row').dataset.seq")
        await page.key("ArrowDown")
        assert await page.ask("document.querySelector('g.picked').dataset.seq") == first
        for _ in range(60):
            await page.key("ArrowDown")
        assert int(await page.ask("location.hash.slice(1)")) > int(first) + 60
        assert await page.ask("document.getElementById('flow').scrollTop") > 0
        assert "web" in await page.ask("document.getElementById('states').innerText")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await page.ask(ground)
        await page.ask("document.getElementById('theme').click()")
        assert await page.ask(ground) != light
        await page.key("Escape")
        assert await page.ask("document.querySelectorAll('g.picked').length") == 0

    see(tmp_path, flow, look)


def test_thousands_are_scrolled_as_tens_and_no_body_breaks_out(tmp_path: Path) -> None:
    evil = b'{"name": "</script><img src=http://127.0.0.1:9/x onerror=alert(1)>"}'
    many = [
        Entry(n, n * 10**7, "rest", "client@c", f"nova-api@{n % 3}", "GET", f"/v2.1/<b>{n}", "", 0, "req-1", 0, evil, None)
        for n in range(1, 20_001)
    ]

    async def look(page: Page) -> None:
        assert (await page.ask(COUNT)).startswith("20000 ")
        assert await page.ask(SHOWN) < 60
        await page.ask("document.getElementById('flow').scrollTop = 1e9")
        await page.ask(SETTLED)
        assert "/v2.1/<b>20000" in await page.ask("[...document.querySelectorAll('g.row')].at(-1).textContent")
        await page.ask("location.hash = '#10000'")
        await page.ask(SETTLED)
        assert "</script><img" in await page.ask(DETAILS)
        assert await page.ask("document.images.length") == 0

    see(tmp_path, Flow(many), look)
