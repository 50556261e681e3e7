"""The log-in to /glasscloud: by password, renewed once when a token is worth nothing any more, elsewhere where there is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import httpx
import pytest

from lab.client.session import ApiError
from lab.client.surface import Surface


class Cloud:
    """Gives tokens t1, t2, … for the password 'right'; only the newest one is good, and none after `spent` of them."""

    def __init__(self, spent: int = 9, login: httpx.Response | None = None) -> None:
        self.given, self.spent, self.login = 0, spent, login
        self.asked: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.url.path == "/glasscloud/login":
            if self.login is not None:
                return self.login
            if json.loads(request.content) != {"password": "right"}:
                return httpx.Response(401, json={"error": {"message": "not this one"}})
            self.given += 1
            return httpx.Response(201, json={"token": f"t{self.given}"})
        good = request.headers["x-auth-token"] == f"t{self.given}" and self.given < self.spent
        return httpx.Response(200 if good else 401, json={})


def surface(cloud: Cloud, token: str = "", password: str = "right", otherwise: Callable[[], Awaitable[str]] | None = None) -> Surface:
    made = Surface("http://cloud:1/", token, password, otherwise=otherwise)
    made.http = httpx.AsyncClient(transport=httpx.MockTransport(cloud.answer))
    return made


def asked(made: Surface) -> int:
    return asyncio.run(made.send("GET", "clock")).status_code


def test_it_logs_in_when_its_token_is_worth_nothing_and_asks_once_more() -> None:
    cloud = Cloud()
    made = surface(cloud, "old")
    assert asked(made) == 200
    assert (made.token, cloud.asked) == ("t1", ["GET /glasscloud/clock", "POST /glasscloud/login", "GET /glasscloud/clock"])
    assert asked(surface(Cloud(spent=0), "old")) == 401, "not for ever"


def test_without_a_password_a_token_is_all_it_has() -> None:
    cloud = Cloud()
    made = surface(cloud, "old", password="")
    assert (asked(made), made.renews, cloud.asked) == (401, False, ["GET /glasscloud/clock"])


def test_a_refused_password_and_a_stranger_are_told_apart() -> None:
    with pytest.raises(ApiError, match="not this one") as refused:
        asyncio.run(surface(Cloud(), password="wrong").log_in())
    assert refused.value.status == 401
    for stranger in (httpx.Response(200, html="<p>hello</p>"), httpx.Response(201, json=[]), httpx.Response(404)):
        with pytest.raises(ApiError) as foreign:
            asyncio.run(surface(Cloud(login=stranger)).log_in())
        assert foreign.value.status == stranger.status_code


def test_where_the_surface_gives_no_token_it_is_got_otherwise() -> None:
    async def keystone() -> str:
        return "from keystone"

    made = surface(Cloud(login=httpx.Response(404)), otherwise=keystone)
    asyncio.run(made.log_in())
    assert made.token == "from keystone"
    with pytest.raises(ApiError, match="not this one"):
        asyncio.run(surface(Cloud(), password="wrong", otherwise=keystone).log_in())
