"""A `glasscloud up` of its own for each module, reached from outside only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.child import Up


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cloud as fast as possible on a free port."""
    with Up(tmp_path_factory.mktemp("cloud")) as running:
        yield running
