"""The files by which clients find a cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import yaml


def clouds_yaml(url: str, password: str, name: str = "glasscloud") -> str:
    """A clouds.yaml by which the openstack client finds the cloud."""
    auth = {
        "auth_url": f"{url}/identity",
        "username": "admin",
        "password": password,
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    cloud = {
        "auth": auth,
        "region_name": "RegionOne",
        "identity_api_version": 3,
        "volume_api_version": 3,
        "interface": "public",
    }
    return yaml.safe_dump({"clouds": {name: cloud}}, sort_keys=False)


def environment(url: str, secret: Mapping[str, str], project: str = "admin") -> dict[str, str]:
    """The same as variables of the environment; `secret` has OS_USERNAME and OS_PASSWORD, or OS_TOKEN and OS_AUTH_TYPE."""
    return {
        "OS_AUTH_URL": f"{url}/identity",
        **secret,
        "OS_PROJECT_NAME": project,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "RegionOne",
        "OS_IDENTITY_API_VERSION": "3",
    }


def openrc(url: str, password: str) -> str:
    """A file for `source` with the same."""
    values = environment(url, {"OS_USERNAME": "admin", "OS_PASSWORD": password})
    return "".join(f"export {key}='{value}'\n" for key, value in values.items())


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read: there is a password in it. A directory of that name is left as it is."""
    with open(path, "w", encoding="utf-8", opener=partial(os.open, mode=0o600)) as file:
        path.chmod(0o600)  # it may have been there before
        file.write(text)
