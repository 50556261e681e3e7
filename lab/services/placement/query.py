"""Reads placement's query strings: resources, traits, aggregates, trees, and the groups they belong to.

A *group* is what one suffix asks for: `resources=VCPU:1&required=CUSTOM_FAST` is the group without a
suffix, `resources1=…&required1=…` the group '1'. The words of the errors are the real placement's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.errors import BadRequest
from lab.services.placement.model import BadQuery, DuplicateQuery, MissingQuery, Resources
from lab.services.placement.wording import failed

Version = tuple[int, int]
Arguments = Mapping[str, Sequence[str]]

FORBIDDEN_TRAITS: Version = (1, 22)
MANY_MEMBER_OF: Version = (1, 24)
FORBIDDEN_AGGREGATES: Version = (1, 32)
NAMED_SUFFIXES: Version = (1, 33)
SAME_SUBTREE: Version = (1, 36)
ANY_TRAITS: Version = (1, 39)

_UUID = re.compile(r"^(urn:)?(uuid:)?\{?[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?$")
_NUMBER = re.compile(r"[1-9][0-9]*")
_KEY = re.compile(r"^(resources|required|member_of|in_tree)([1-9][0-9]*)?$")
_KEY_NAMED = re.compile(r"^(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?$")
_SINCE: Mapping[str, Version] = {
    "resources": (1, 10),
    "limit": (1, 16),
    "required": (1, 17),
    "member_of": (1, 21),
    "group_policy": (1, 25),
    "in_tree": (1, 31),
    "root_required": (1, 35),
    "same_subtree": (1, 36),
}
"""Since when each parameter of GET /allocation_candidates is known. Source: placement's version history."""
_SUFFIXES_SINCE: Version = (1, 25)


@dataclass(frozen=True, slots=True)
class Traits:
    """Trait conditions: every tuple of `required` needs one of its traits, none of `forbidden` may be there."""

    required: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.required or self.forbidden)

    def met_by(self, having: Collection[str]) -> bool:
        """Whether a provider with these traits fulfils them."""
        for any_of in self.required:
            if not any(name in having for name in any_of):
                return False
        return not any(name in having for name in self.forbidden)

    def names(self) -> list[str]:
        """Every trait that is named."""
        return [name for any_of in self.required for name in any_of] + list(self.forbidden)


@dataclass(frozen=True, slots=True)
class Group:
    """What the parameters with one suffix ask for."""

    suffix: str = ""
    resources: Resources = field(default_factory=dict)
    traits: Traits = Traits()
    member_of: tuple[tuple[str, ...], ...] = ()
    not_member_of: tuple[str, ...] = ()
    in_tree: str | None = None


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """A whole GET /allocation_candidates."""

    groups: tuple[Group, ...]
    version: Version
    limit: int | None = None
    root: Traits = Traits()
    group_policy: str | None = None
    same_subtree: tuple[tuple[str, ...], ...] = ()

    @property
    def simple(self) -> bool:
        """Only the group without a suffix is asked for."""
        return len(self.groups) == 1 and not self.groups[0].suffix

    @property
    def local(self) -> bool:
        """Whether a provider alone is one depends on nothing but its own resources and traits."""
        group = self.groups[0]
        return not (group.member_of or group.not_member_of or group.in_tree)


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID, with or without dashes."""
    return _UUID.match(text) is not None


def parse_resources(text: str) -> Resources:
    """Read 'VCPU:2,MEMORY_MB:1024'."""
    expected = "Badly formed resources parameter. Expected resources query string parameter in form: "
    expected += "?resources=VCPU:2,MEMORY_MB:1024. Got: "
    if not text.strip():
        raise BadRequest(f"{expected}empty string.")
    resources: Resources = {}
    for part in text.split(","):
        name, colon, number = part.partition(":")
        if not colon or ":" in number:
            raise BadRequest(f"{expected}{part}.")
        try:
            amount = int(number)
        except ValueError:
            raise BadRequest(f"Requested resource {name} expected positive integer amount. Got: {number}.") from None
        if amount < 1:
            raise BadRequest(f"Requested resource {name} requires amount >= 1. Got: {amount}.")
        resources[name] = amount
    return resources


def parse_traits(values: Sequence[str], version: Version) -> Traits:
    """Read the values of one `required` parameter; before 1.39 only the last one counts."""
    forbidden_allowed, any_allowed = version >= FORBIDDEN_TRAITS, version >= ANY_TRAITS
    required: list[tuple[str, ...]] = []
    forbidden: list[str] = []
    for value in values if any_allowed else values[-1:]:
        if value.startswith("in:"):
            required.append(_any_of(value, any_allowed))
            continue
        names = [part.strip() for part in value.split(",")]
        banned = [name.lstrip("!") for name in names if name.startswith("!")]
        form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if forbidden_allowed else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
        expected = f"Invalid query string parameters: Expected 'required' parameter value of the form: {form}."
        if not all(names) or not all(banned):
            raise BadRequest(f"{expected} Got an empty trait in: {value}")
        if banned and not forbidden_allowed:
            raise BadRequest(f"{expected} Got: {value}")
        required.extend((name,) for name in names if not name.startswith("!"))
        forbidden.extend(banned)
    return Traits(tuple(required), tuple(dict.fromkeys(forbidden)))


def _any_of(value: str, allowed: bool) -> tuple[str, ...]:
    start = "Invalid query string parameters: "
    if not allowed:
        raise BadRequest(f"{start}The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: {value}")
    names = [part.strip() for part in value[3:].split(",")]
    if not all(names):
        raise BadRequest(
            f"{start}Expected 'required' parameter value of the form: in:HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: {value}"
        )
    if any(name.startswith("!") for name in names):
        raise BadRequest(f"{start}The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits. Got: {value}")
    return tuple(dict.fromkeys(names))


def parse_member_of(values: Sequence[str], version: Version, suffix: str = "") -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Read `member_of`: what is required (every tuple needs one aggregate) and what is forbidden."""
    if len(values) > 1 and version < MANY_MEMBER_OF:
        raise BadRequest(f"Multiple member_of{suffix} parameters are not supported")
    required: list[tuple[str, ...]] = []
    forbidden: list[str] = []
    for value in values:
        if "," in value and not value.startswith(("in:", "!in:")):
            raise BadRequest(
                "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the "
                f"valid microversion. Got: {value}"
            )
        negative, text = value.startswith("!"), value.removeprefix("!")
        uuids = text[3:].split(",") if text.startswith("in:") else [text]
        for uuid in uuids:
            if not is_uuid(uuid):
                raise BadRequest(f"Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: {uuid}")
        if negative and version < FORBIDDEN_AGGREGATES:
            raise BadRequest(f"Forbidden member_of{suffix} parameters are not supported in the specified microversion")
        if negative:
            forbidden.extend(uuids)
        else:
            required.append(tuple(uuids))
    return tuple(required), tuple(forbidden)


def parse_candidates(arguments: Arguments, version: Version) -> CandidateQuery:
    """Read a whole GET /allocation_candidates, and refuse what its version does not know.

    Raises:
        BadRequest: with the real placement's words, and its code where it has one.
    """
    _check_names(arguments, version)
    groups = _groups(arguments, version)
    root = _root_required(arguments)
    subtrees = tuple(tuple(part.strip() for part in value.split(",")) for value in arguments.get("same_subtree", ()))
    if any("" in suffixes for suffixes in subtrees):
        raise BadQuery("Empty string (unsuffixed group) can not be specified in `same_subtree` ")
    if version >= SAME_SUBTREE:
        _check_suffixes(groups, subtrees)
    else:
        _check_orphans(groups)
    if version >= FORBIDDEN_TRAITS:
        _check_conflicts(groups)
    policy = arguments["group_policy"][0] if arguments.get("group_policy") else None
    if policy is None and sum(1 for group in groups if group.suffix) > 1:
        raise BadRequest('The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.')
    limit = arguments["limit"][0] if arguments.get("limit") else None
    return CandidateQuery(tuple(groups), version, int(limit) if limit else None, root, policy, subtrees)


def _check_names(arguments: Arguments, version: Version) -> None:
    pattern, suffixes = (_KEY_NAMED, "[a-zA-Z0-9_-]{1,64}") if version >= NAMED_SUFFIXES else (_KEY, "[1-9][0-9]*")
    for name, values in arguments.items():
        match = pattern.match(name) if name not in _SINCE else None
        stem = match.group(1) if match else name
        since = _SINCE.get(stem)
        problem = ""
        if since is None or version < since or (match and version < _SUFFIXES_SINCE):
            problem = f"Additional properties are not allowed ('{name}' was unexpected)"
            if version >= _SUFFIXES_SINCE:
                patterns = ", ".join(f"'^{stem}({suffixes})?$'" for stem in ("in_tree", "member_of", "required", "resources"))
                problem = f"'{name}' does not match any of the regexes: {patterns}"
            problem = failed(problem, "additionalProperties")
        elif name == "limit" and not _NUMBER.fullmatch(values[-1]):
            problem = failed(f"'{values[-1]}' does not match '^[1-9][0-9]*$'", "pattern", name)
        elif name == "group_policy" and values[-1] not in ("none", "isolate"):
            problem = failed(f"'{values[-1]}' is not one of ['none', 'isolate']", "enum", name)
        if problem:
            raise BadRequest(f"Invalid query string parameters: {problem}")
    if version < _SUFFIXES_SINCE and "resources" not in arguments:
        problem = failed("'resources' is a required property", "required")
        raise BadRequest(f"Invalid query string parameters: {problem}")


def _groups(arguments: Arguments, version: Version) -> list[Group]:
    pattern = _KEY_NAMED if version >= NAMED_SUFFIXES else _KEY
    found: dict[str, dict[str, Any]] = {}
    for name, values in arguments.items():
        match = pattern.match(name)
        if match is None or name in ("limit", "group_policy", "root_required", "same_subtree"):
            continue
        stem, suffix = match.group(1), match.group(2) or ""
        parts = found.setdefault(suffix, {"suffix": suffix})
        if stem == "resources":
            parts["resources"] = parse_resources(values[-1])
        elif stem == "required":
            parts["traits"] = parse_traits(values, version)
        elif stem == "member_of":
            parts["member_of"], parts["not_member_of"] = parse_member_of(values, version, suffix)
        else:
            parts["in_tree"] = _tree(values[-1])
    return [Group(**parts) for parts in found.values()]


def _tree(value: str) -> str:
    if not is_uuid(value.strip()):
        raise BadRequest(f"Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: {value}")
    return value.strip()


def _root_required(arguments: Arguments) -> Traits:
    values = arguments.get("root_required", ())
    if not values:
        return Traits()
    if len(values) > 1:
        raise DuplicateQuery("Query parameter 'root_required' may be specified only once.")
    # Its format never learned `in:`; 1.38 is the last version without it.
    traits = parse_traits(values, (1, 38))
    both = [name for (name,) in traits.required if name in traits.forbidden]
    if both:
        raise BadQuery(f"Conflicting required and forbidden traits found in root_required: {', '.join(both)}")
    return traits


def _check_suffixes(groups: Sequence[Group], subtrees: Sequence[Sequence[str]]) -> None:
    bare = [group.suffix for group in groups if not group.resources]
    if len(bare) == len(groups):
        raise MissingQuery("There must be at least one resources or resources[$S] parameter.")
    named = list(dict.fromkeys(suffix for suffixes in subtrees for suffix in suffixes))
    lost = [suffix for suffix in bare if suffix not in named]
    if lost:
        raise BadQuery(f"Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - {lost}.")
    known = [group.suffix for group in groups]
    unknown = [suffix for suffix in named if suffix not in known]
    if unknown:
        raise BadQuery(f"Real suffixes should be specified in `same_subtree`: {unknown} not found in {known}.")


def _check_orphans(groups: Sequence[Group]) -> None:
    orphans = [f"required{group.suffix}" for group in groups if group.traits.required and not group.resources]
    if orphans:
        raise BadRequest(
            "All traits parameters must be associated with resources.  Found the following orphaned traits keys: " + ", ".join(orphans)
        )
    orphans = [f"member_of{group.suffix}" for group in groups if (group.member_of or group.not_member_of) and not group.resources]
    if orphans:
        raise BadRequest(
            "All member_of parameters must be associated with resources. Found the following orphaned member_of keys: " + ", ".join(orphans)
        )
    if not all(group.resources for group in groups):
        raise BadRequest("All request groups must specify resources.")
    if not groups:
        raise BadRequest("At least one request group (`resources` or `resources{$S}`) is required.")


def _check_conflicts(groups: Sequence[Group]) -> None:
    bad = sorted(
        f"required{group.suffix}: ({', '.join(sorted(any_of))})"
        for group in groups
        for any_of in group.traits.required
        if all(name in group.traits.forbidden for name in any_of)
    )
    if bad:
        raise BadRequest("Conflicting required and forbidden traits found in the following traits keys: " + ", ".join(bad))
