"""Rules by which a memory forgets by itself: how long, or how many, records of a kind are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from robomemory import checks
from robomemory.errors import InvalidQueryError
from robomemory.records import MemoryKind

NAME = "retain"
"""Under this name a store keeps its rules."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_MOST_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Records of one kind are kept for ``age_ns`` [ns, the robot's clock], or the newest ``keep`` of them;
    ``said`` is the rule as it was given."""

    said: str | int
    age_ns: int | None = None
    keep: int | None = None


def rule_from(kind: str, said: object) -> RetentionRule:
    """The rule that ``said`` gives for ``kind``: a time such as "90s", "12h", "7d" or "2w", or a count.

    Raises:
        InvalidQueryError: it is neither.
    """
    where = f"retain: {kind}"
    if isinstance(said, str):
        found = re.fullmatch(r"(\d{1,12})([smhdw])", said.strip())
        age = int(found[1]) * _SECONDS[found[2]] * 10**9 if found else 0
        if not 0 < age <= _MOST_NS:
            raise InvalidQueryError(
                f'{where} {checks.shown(said)}, expected a time such as "90s", "30m", "12h", "7d", "2w"'
            )
        return RetentionRule(said.strip(), age_ns=age)
    if isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= _MOST_NS:
        return RetentionRule(said, keep=said)
    raise InvalidQueryError(f'{where} {checks.shown(said)}, expected a time such as "7d", or a count')


def rules_from(given: Mapping[str, object]) -> dict[MemoryKind, RetentionRule | None]:
    """{kind: its rule, None: it is lifted}.

    Raises:
        InvalidQueryError: a kind is unknown, or a rule is none.
    """
    kinds = {str(kind): kind for kind in MemoryKind}
    if unknown := sorted(set(given) - set(kinds)):
        raise InvalidQueryError(
            f"retain: unknown memory {checks.shown(unknown[0])}, expected one of {', '.join(kinds)}"
        )
    return {kinds[k]: None if said is None else rule_from(k, said) for k, said in given.items()}


def read_rules(text: str | None) -> dict[MemoryKind, RetentionRule]:
    """The rules that a store keeps as ``text``.

    Raises:
        ValueError: it holds none.
    """
    said = json.loads(text) if text else {}
    if not isinstance(said, dict):
        raise ValueError(f"rules to forget {checks.shown(said)}")
    return {kind: rule for kind, rule in rules_from(said).items() if rule is not None}


def written(rules: Mapping[MemoryKind, RetentionRule]) -> str:
    """``rules`` as :func:`read_rules` reads them."""
    return json.dumps({str(kind): rule.said for kind, rule in sorted(rules.items())})
