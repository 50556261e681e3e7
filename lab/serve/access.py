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


def others_in(clouds: Path) -> str:
    """What a clouds.yaml has besides the cloud of an earlier run, in words; empty when there is nothing to lose."""
    if not clouds.is_file():
        return ""
    try:
        found = yaml.safe_load(clouds.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return "?"
    if not isinstance(found, dict):
        return "" if found is None else "?"
    listed = found.get("clouds")
    named = [*listed] if isinstance(listed, dict) else []
    return ", ".join(str(name) for name in [*named, *found] if name not in ("glasscloud", "clouds"))


def is_others(rc: Path) -> bool:
    """Whether an openrc leads to a cloud and was not written by an earlier run."""
    text = rc.read_text(encoding="utf-8", errors="replace") if rc.is_file() else ""
    ours = openrc("", "").splitlines()
    return "OS_AUTH_URL" in text and [line.partition("=")[0] for line in text.splitlines()] != [line.partition("=")[0] for line in ours]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read: there is a password in it. A directory of that name is left as it is."""
    with open(path, "w", encoding="utf-8", opener=partial(os.open, mode=0o600)) as file:
        path.chmod(0o600)  # it may have been there before
        file.write(text)
