"""One way to run a test over every registered implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.conformance.implementations import Case


def over(cases: Sequence[Case[Any]]) -> Callable[..., Any]:
    """A fixture ``(case, object)`` that goes through ``cases`` with a fresh object for each test."""

    marked = [pytest.param(case, marks=[pytest.mark.long] * case.long) for case in cases]

    @pytest.fixture(params=marked, ids=lambda case: case.name)
    def made(request: pytest.FixtureRequest) -> Iterator[tuple[Case[Any], Any]]:
        case = request.param
        thing = case.make()
        yield case, thing
        case.close(thing)

    return made
