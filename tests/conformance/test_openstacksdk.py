"""openstacksdk against `glasscloud up`, where it does more than the command line asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openstack
import pytest

from tests.conformance.child import Up

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(120),
    # It warns of itself, and leaves the file of a segmented upload open.
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def sdk(up: Up) -> Iterator[Any]:
    who = {"username": "admin", "password": up.password, "project_name": "admin"}
    with openstack.connect(auth_url=f"{up.url}/identity", user_domain_id="default", project_domain_id="default", **who) as connection:
        yield connection


def test_a_file_larger_than_a_segment_is_an_object_of_segments(sdk: Any, up: Up) -> None:
    whole = bytes(range(256)) * 10_000
    (up.home / "large.bin").write_bytes(whole)
    sdk.object_store.create_container("tales")
    sdk.object_store.create_object("tales", "large", filename=str(up.home / "large.bin"), segment_size=1_000_000)
    assert sdk.object_store.download_object("large", container="tales") == whole
    described = sdk.object_store.get_object_metadata("large", container="tales")
    assert (int(described.content_length), described.is_static_large_object) == (len(whole), True)
    assert len([found for found in sdk.object_store.objects("tales") if found.name.startswith("large/")]) == 3
    assert sdk.delete_object("tales", "large")
    assert [found.name for found in sdk.object_store.objects("tales") if found.name == "large"] == []


def test_a_small_file_is_one_object(sdk: Any, up: Up) -> None:
    (up.home / "small.bin").write_bytes(b"small")
    sdk.object_store.create_container("tales")
    sdk.object_store.create_object("tales", "small", filename=str(up.home / "small.bin"))
    assert sdk.object_store.download_object("small", container="tales") == b"small"
    assert not sdk.object_store.get_object_metadata("small", container="tales").is_static_large_object
