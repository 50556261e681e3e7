"""Whether a host can do what a flavor's extra specs or an image's properties ask for, and if not, what is missing.

Sources: nova/scheduler/filters/{compute_capabilities_filter,extra_specs_ops,image_props_filter}.py.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from lab.services.compute.host_pool import COLUMNS
from lab.services.compute.model import ComputeNode

_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
    "<in>": lambda value, wanted: wanted in value,
}
_NODE_TEXTS = ("hypervisor_type", "hypervisor_hostname", "host_ip", "host", "cpu_info")
_PREDICATE = re.compile(r"^\s*(<=|>=|<|>|==|!=)\s*([0-9.]+)\s*$")
_VERSION_TESTS: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}


def matches(value: str, wanted: str) -> bool:
    """Whether a host's value meets an extra spec: '>= 4', '<in> sse', '<or> a <or> b', or the same text."""
    words = wanted.split()
    first = words[0] if words else ""
    if first == "<or>":
        return value in words[1::2]
    if first == "<all-in>":
        return len(words) > 1 and all(word in value for word in words[1:])
    if first in _NUMBERS or first in _TEXTS:
        if len(words) < 2:
            return False
        if first in _TEXTS:
            return _TEXTS[first](value, words[1])
        try:
            return _NUMBERS[first](float(value), float(words[1]))
        except ValueError:
            return False
    return value == wanted


def capability_problem(node: ComputeNode, number: Callable[[str], float], extra_specs: Mapping[str, str]) -> str:
    """The first extra spec that the host does not meet, with its value; empty when it meets all.

    Keys without a scope that name nothing a host has are not for this filter, nor are other scopes.
    """
    for key, wanted in extra_specs.items():
        scope = key.split(":")
        if scope[0] == "capabilities" and len(scope) > 1:
            scope = scope[1:]
        elif len(scope) > 1 or scope[0] not in (*COLUMNS, *_NODE_TEXTS):
            continue
        value = _capability(node, number, scope)
        if value is None:
            return f"there is no capability {':'.join(scope)}, {wanted!r} is required"
        if not matches(value, wanted):
            return f"capability {':'.join(scope)} is {value!r}, {wanted!r} is required"
    return ""


def _capability(node: ComputeNode, number: Callable[[str], float], scope: list[str]) -> str | None:
    if len(scope) == 1 and scope[0] in COLUMNS:
        value = number(scope[0])
        return str(value) if scope[0].endswith("_ratio") else str(int(value))
    if scope[0] not in _NODE_TEXTS:
        return None
    found: Any = getattr(node, scope[0])
    for name in scope[1:]:
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except ValueError:
                return None
        found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            return None
    return str(found)


def supported(node: ComputeNode) -> list[tuple[str, str, str]]:
    """What guests the host runs: (architecture, hypervisor type, mode) as its driver tells nova.

    Source: nova's libvirt driver `_get_instance_capabilities` for KVM and QEMU; other types run their own kind.
    """
    architecture = next((t[8:].lower() for t in node.traits if t.startswith("HW_ARCH_")), "x86_64")
    kind = node.hypervisor_type.lower()
    kinds = ("kvm", "qemu") if kind in ("kvm", "qemu") else (kind,)
    architectures = (architecture, "i686") if architecture == "x86_64" else (architecture,)
    mode = "exe" if kind == "lxc" else "hvm"
    return [(arch, each, mode) for arch in architectures for each in kinds]


def image_problem(node: ComputeNode, properties: Mapping[str, Any]) -> str:
    """The properties of the image that the host does not meet; empty when it meets all."""
    names = ("hw_architecture", "img_hv_type", "hw_vm_mode")
    wanted = [str(properties[name]).lower() if properties.get(name) else "" for name in names]
    if not any(wanted):
        return ""
    guests = supported(node)
    if not any(all(not want or want in guest for want in wanted) for guest in guests):
        asked = ", ".join(f"{name}={properties[name]}" for name in names if properties.get(name))
        return f"{asked} is not among what the host runs: {', '.join('/'.join(guest) for guest in guests)}"
    version = properties.get("img_hv_requested_version")
    if version and node.hypervisor_version and not version_fits(node.hypervisor_version, str(version)):
        return f"hypervisor version {version_text(node.hypervisor_version)} does not satisfy {version}"
    return ""


def version_text(number: int) -> str:
    """A hypervisor's version as text: 6002000 is 6.2.0."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def version_fits(number: int, predicates: str) -> bool:
    """Whether a version meets all of '>=6.0, <8.0'; what cannot be read is not met."""
    own = (number // 1_000_000, number // 1000 % 1000, number % 1000)
    for predicate in predicates.split(","):
        match = _PREDICATE.match(predicate)
        if match is None:
            return False
        parts = [int(part) for part in match.group(2).split(".") if part]
        if not _VERSION_TESTS[match.group(1)](own, (*parts, 0, 0, 0)[:3]):
            return False
    return True
