"""Which route a path finds."""

from __future__ import annotations

import pytest

from lab.rest.routes import Route, Trie

TRIE = Trie(
    (
        Route("GET", "/servers", "list"),
        Route("GET", "/servers/detail", "detail"),
        Route("GET", "/servers/{server_id}", "show"),
        Route("GET", "/{account}/{container}", "container"),
        Route("GET", "/{account}/{container}/{name:path}", "object"),
    )
)


@pytest.mark.parametrize(
    ("path", "pattern", "values"),
    [
        ("/servers", "/servers", []),
        ("/servers/", "/servers", []),
        ("/servers/detail", "/servers/detail", []),
        ("/servers/a%20b", "/servers/{server_id}", ["a b"]),
        ("/a/c/", "/{account}/{container}", ["a", "c"]),
        ("/a/c/dir/x", "/{account}/{container}/{name:path}", ["a", "c", "dir/x"]),
        ("/a/c/dir/", "/{account}/{container}/{name:path}", ["a", "c", "dir/"]),
        ("/a/c/%2F", "/{account}/{container}/{name:path}", ["a", "c", "/"]),
        ("/a/c//", "/{account}/{container}/{name:path}", ["a", "c", "/"]),
        ("/a/c/x//", "/{account}/{container}/{name:path}", ["a", "c", "x//"]),
    ],
)
def test_a_path_finds_its_route_and_its_values(path: str, pattern: str, values: list[str]) -> None:
    found = TRIE.match(path)
    assert found is not None
    assert (found[2], found[1]) == (pattern, values)


def test_nothing_lies_elsewhere() -> None:
    assert TRIE.match("/") is None
    assert TRIE.match("/only") is None
