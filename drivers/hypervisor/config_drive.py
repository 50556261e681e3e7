"""A config drive: a CD with a guest's metadata, for systems that find no metadata service. Source: nova's config drive, version 2."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

LABEL = "config-2"
"""The volume's name, by which systems find it."""


def config_drive(path: Path, documents: Mapping[str, bytes]) -> None:
    """Write the CD; `documents` by their paths, such as 'openstack/latest/meta_data.json'."""
    from pycdlib import PyCdlib  # costs a tenth of a second, and few guests ask for it

    iso = PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    folders: dict[str, str] = {"": ""}
    for number, (name, data) in enumerate(sorted(documents.items())):
        parent = _folder(iso, folders, name.rpartition("/")[0])
        iso.add_fp(io.BytesIO(data), len(data), f"{parent}/F{number}.;1", rr_name=name.rpartition("/")[2], joliet_path=f"/{name}")
    iso.write(str(path))
    iso.close()
    path.chmod(0o600)


def _folder(iso: object, folders: dict[str, str], name: str) -> str:
    """Make a folder and those above it; answer its path by the CD's own short names."""
    if name not in folders:
        above, _, last = name.rpartition("/")
        folders[name] = f"{_folder(iso, folders, above)}/D{len(folders)}"
        iso.add_directory(folders[name], rr_name=last, joliet_path=f"/{name}")  # type: ignore[attr-defined]
    return folders[name]
