#!/usr/bin/env python3
"""Compares the episodes of two benches: did the same seeds end alike?

scripts/compare_runs.py runs/bench/quiet runs/bench/busy      (folders, or their episodes.jsonl)

Alike are episodes of the same cell, method and seed with the same outcome, cause, steps and subtasks (their
sentences and final states), whatever time they took. The exit status is 0 when all are, 1 when some are not
or are missing, 2 when a file cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

COMPARED = ("success", "outcome", "cause", "failure", "steps", "seconds", "subtasks", "progress")
"""The fields that must be the same, where a suite keeps them; ``seconds`` is robot time."""
SHOWN = 10
Key = tuple[str, str, int]
Episodes = Mapping[Key, Mapping[str, object]]


class UnreadableError(Exception):
    """A file does not hold the episodes of a bench."""


def read(given: str) -> Episodes:
    """The episodes of a bench by cell, method and seed; of several for one key the first, as a bench counts.

    Raises:
        UnreadableError: no such file, a line that is no episode, or none at all.
    """
    path = Path(given)
    path = path / "episodes.jsonl" if path.is_dir() else path
    found: dict[Key, Mapping[str, object]] = {}
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            episode = json.loads(line)
            if not isinstance(episode, dict) or "success" not in episode:
                raise UnreadableError(f"{path} line {number} is no episode")
            key = str(episode["cell"]), str(episode["method"]), int(episode["seed"])
            if key in found and found[key].get("fingerprint") != episode.get("fingerprint"):
                raise UnreadableError(
                    f"{path} line {number}: {name(key)} stands there twice, by two versions of code or "
                    "models; compare benches that were begun anew"
                )
            found.setdefault(key, episode)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableError(f"{path} line {number} is no episode: {type(error).__name__}") from error
    if not found:
        raise UnreadableError(f"{path}: no episodes in it")
    return found


def name(key: Key) -> str:
    return f"{key[0]}, {key[1]}, seed {key[2]}"


def compared(episode: Mapping[str, object], what: str) -> object:
    """The field ``what`` of an episode; of each subtask its sentence and final state, without the reason."""
    value = episode.get(what)
    if what != "subtasks" or not isinstance(value, list):
        return value
    return [subtask[:2] if isinstance(subtask, list) else subtask for subtask in value]


def differences(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The fields of :data:`COMPARED` that differ, with both values."""
    return [
        f"{what}: {compared(one, what)!r} and {compared(other, what)!r}"
        for what in COMPARED
        if compared(one, what) != compared(other, what)
    ]


def main(words: list[str]) -> int:
    """Compares two benches and says how many episodes are alike."""
    if len(words) != 2:
        print(f"compare_runs: expected two benches, got {words}", file=sys.stderr)
        return 2
    try:
        first, second = map(read, words)
    except UnreadableError as error:
        print(f"compare_runs: {error}", file=sys.stderr)
        return 2
    both = [key for key in first if key in second]
    unlike = {key: found for key in both if (found := differences(first[key], second[key]))}
    alone = [*(key for key in first if key not in second), *(key for key in second if key not in first)]
    for key, found in list(unlike.items())[:SHOWN]:
        print(f"{name(key)}: {'; '.join(found)}")
    for key in alone[:SHOWN]:
        print(f"{name(key)}: in one of the two only")
    versions = {str(e.get("fingerprint")) for e in (*first.values(), *second.values())}
    print(f"{len(both) - len(unlike)} of {len(both)} episodes alike, {len(alone)} in one of the two only")
    kinds = {(key[0], key[1]) for key in (*first, *second)}
    if len(versions) > len(kinds):
        print("the two were run by different code, models or libraries", file=sys.stderr)
    return 0 if both and not unlike and not alone else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
