"""What an instruction may have the arm do: rules about skills, things, places and zones, from a file.

In the spirit of Progent (arXiv 2504.11703): deterministic, least privilege. Of the rules that fit a skill the
strictest decides; a further file can only make the policy stricter. No part of it is learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.files.yaml_file import Reader, open_yaml, user_path
from vista.skill import Skill, Verb
from vista.types import F64, KeepOut

VERSION = 1
MOST_RULES = 200
KEYS = ("version", "rules", "otherwise")
OTHERWISE = "otherwise"
RULE_KEYS = ("name", "decide", "verbs", "things", "places", "zone")


class Permit(StrEnum):
    """What becomes of a skill, from free to strict: ``ASK`` needs a person's approval."""

    ALLOW = "allow"
    ASK = "ask"
    FORBID = "forbid"


_STRICTNESS = tuple(Permit)


@dataclass(frozen=True, slots=True, eq=False)
class PolicyRule(values.Value):
    """Decides about the skills that fit every condition that it has. ``verbs``; ``things`` and ``places``:
    names in lower case, in which ``*`` stands for anything; ``zone`` f64 (2, 3): two corners in the base
    frame [m], in which the thing or the place lies.

    In the graph no link of the arm enters a zone that is forbidden whatever is done.
    """

    name: str
    decide: Permit
    verbs: tuple[Verb, ...] = ()
    things: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    zone: F64 | None = None

    def __post_init__(self) -> None:
        values.text("PolicyRule.name", self.name, empty=False)
        object.__setattr__(self, "decide", values.word("PolicyRule.decide", self.decide, Permit))
        if self.zone is not None:
            box = KeepOut(self.name, self.zone).box
            object.__setattr__(self, "zone", box)

    def fits(self, skill: Skill, where: Mapping[str, F64 | None]) -> str | None:
        """Why this rule is about ``skill``, in words; None: it is not. ``where`` {thing or place: position
        (3,) [m]}, None for one whose place nobody knows: it may lie in any zone."""
        if self.verbs and skill.verb not in self.verbs:
            return None
        if self.things and not _matches(skill.thing, self.things):
            return None
        if self.places and not _matches(skill.place, self.places):
            return None
        if self.zone is None:
            return "it says so"
        for name, position in where.items():
            if position is None:
                return f"nobody knows where the {name} is, and the rule is about a zone"
            inside = ((position >= self.zone[0]) & (position <= self.zone[1])) | np.isnan(position)
            if bool(inside.all()):
                return f"the {name} is in its zone"
        return None


def _decided(permit: Permit, name: str, approved: frozenset[str]) -> Permit:
    return Permit.ALLOW if permit is Permit.ASK and name in approved else permit


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)


def concerned(skill: Skill) -> tuple[str, ...]:
    """What of ``skill`` lies somewhere: thing and place. A thing that is placed is in the hand."""
    names = (skill.place,) if skill.verb is Verb.PLACE else (skill.thing, skill.place)
    return tuple(filter(None, names))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a skill, and the name of the rule that decided; "otherwise": no rule is about it."""

    permit: Permit
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """``rules``; what becomes of a skill that none of them is about, ``otherwise``; and further policies that
    hold, ``also``."""

    rules: tuple[PolicyRule, ...] = ()
    otherwise: Permit = Permit.ALLOW
    also: tuple[GuardPolicy, ...] = ()

    def judge(
        self, skill: Skill | None, where: Mapping[str, F64 | None], approved: frozenset[str] = frozenset()
    ) -> Ruling:
        """The ruling about ``skill``, None: a sentence that is none, which only an empty policy lets through.
        ``where``: as :meth:`PolicyRule.fits`, and every name of :func:`concerned` that is left out counts as
        unknown; ``approved``: names of rules
        whose question a person has answered with yes; "otherwise" for that of ``otherwise``."""
        if skill is None:
            free = self == GuardPolicy()
            told = "it is no skill, and a policy judges skills only"
            return Ruling(Permit.ALLOW if free else Permit.FORBID, OTHERWISE, told)
        where = dict.fromkeys(concerned(skill)) | dict(where)
        rulings = []
        for rule in self.rules:
            if (why := rule.fits(skill, where)) is not None:
                rulings.append(Ruling(_decided(rule.decide, rule.name, approved), rule.name, why))
        if not rulings:
            told = f"no rule is about it, and otherwise is {self.otherwise}"
            rulings.append(Ruling(_decided(self.otherwise, OTHERWISE, approved), OTHERWISE, told))
        rulings += [policy.judge(skill, where, approved) for policy in self.also]
        return max(rulings, key=lambda ruling: _STRICTNESS.index(ruling.permit))

    def narrowed(self, other: GuardPolicy) -> GuardPolicy:
        """Both policies at once: what either forbids is forbidden, and nothing becomes free by it.

        Raises:
            InvalidValueError: a rule's name stands in both.
        """
        twice = {rule.name for rule in self.every_rule} & {rule.name for rule in other.every_rule}
        if twice:
            raise InvalidValueError(f"policy: rule {', '.join(sorted(twice))} stands in two files")
        return GuardPolicy(self.rules, self.otherwise, (*self.also, other))

    @property
    def every_rule(self) -> tuple[PolicyRule, ...]:
        """The rules of all policies that hold."""
        return (*self.rules, *(rule for policy in self.also for rule in policy.every_rule))

    @property
    def zones(self) -> tuple[KeepOut, ...]:
        """The zones that are forbidden whatever is done: no link of the arm enters them."""
        return tuple(
            KeepOut(f"policy {rule.name}", rule.zone)
            for rule in self.every_rule
            if rule.zone is not None and rule.decide is Permit.FORBID
            and not (rule.verbs or rule.things or rule.places)
        )  # fmt: skip


def policy_files(told: str | None) -> tuple[str, ...]:
    """The files of ``told``, which a comma parts; none for an empty one."""
    return tuple(filter(None, (each.strip() for each in (told or "").split(","))))


def load_policy(*paths: str | Path) -> GuardPolicy:
    """The policy in the files ``paths``, all of which hold; no path: everything is allowed.

    Raises:
        ConfigError: a file is missing or cannot be right; file, line, key and what is allowed are named.
        InvalidValueError: a rule's name stands in two files.
    """
    policy = GuardPolicy()
    for i, path in enumerate(paths):
        found = _read(user_path(path, "guard policy"))
        policy = policy.narrowed(found) if i else found
    return policy


def _read(path: Path) -> GuardPolicy:
    read, data = open_yaml(path, "guard policy")
    entry = read.mapping(data, "", KEYS, required=("version", "rules"))
    if entry["version"] != VERSION or isinstance(entry["version"], bool):
        raise read.fail("version", f"{values.shown(entry['version'])}, expected {VERSION}")
    if not isinstance(entry["rules"], list) or len(entry["rules"]) > MOST_RULES:
        raise read.fail("rules", f"{values.shown(entry['rules'])}, expected a list of at most {MOST_RULES}")
    rules: list[PolicyRule] = []
    for i, given in enumerate(entry["rules"]):
        rule = _rule(read, f"rules[{i}]", given)
        if rule.name == OTHERWISE or rule.name in (each.name for each in rules):
            raise read.fail(f"rules[{i}].name", f"{rule.name!r} stands twice")
        rules.append(rule)
    otherwise = read.word(entry.get("otherwise", Permit.ALLOW.value), "otherwise", tuple(Permit))
    return GuardPolicy(tuple(rules), Permit(otherwise))


def _rule(read: Reader, key: str, given: object) -> PolicyRule:
    entry = read.mapping(given, key, RULE_KEYS, required=("name", "decide"))
    verbs = read.texts(entry["verbs"], f"{key}.verbs") if "verbs" in entry else ()
    kinds = tuple(Verb(read.word(verb, f"{key}.verbs[{i}]", tuple(Verb))) for i, verb in enumerate(verbs))
    names = {
        field: tuple(name.lower() for name in read.texts(entry[field], f"{key}.{field}"))
        for field in ("things", "places") if field in entry
    }  # fmt: skip
    if not kinds and not names and "zone" not in entry:
        raise read.fail(key, "no condition, expected verbs, things, places or a zone; `otherwise` is for all")
    zone = None
    if "zone" in entry:
        corners = entry["zone"]
        if not isinstance(corners, list) or len(corners) != 2:
            raise read.fail(f"{key}.zone", f"{values.shown(corners)}, expected two corners [x, y, z] [m]")
        low, high = (
            read.numbers(corner, f"{key}.zone[{i}]", 3, -values.FAR_M, values.FAR_M)
            for i, corner in enumerate(corners)
        )
        if not all(a < b for a, b in zip(low, high, strict=True)):
            raise read.fail(f"{key}.zone", f"{values.shown(corners)}, expected the lower corner first")
        zone = np.array([low, high])
    decide = Permit(read.word(entry["decide"], f"{key}.decide", tuple(Permit)))
    return PolicyRule(read.text(entry["name"], f"{key}.name"), decide, kinds, zone=zone, **names)
