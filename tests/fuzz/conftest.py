"""Says at the end of a run how many inputs each kind of entry was given."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzzing import INPUTS, SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not INPUTS:
        return
    terminalreporter.section("fuzzed inputs")
    for kind, number in sorted(INPUTS.items()):
        terminalreporter.line(f"{number:>7,}  {kind}")
    terminalreporter.line(f"{sum(INPUTS.values()):>7,}  in all, seed {SEED}")
