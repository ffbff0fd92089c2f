"""The rows of the cell as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vista_bench.peers.corpus import BELIEF, KINDS
from vista_bench.peers.systems import BASELINE
from vista_bench.suites.base import Cell


def markdown(rows: Sequence[Cell]) -> str:
    """Two tables, costs and right answers, and what is said of their rows."""
    costs = [
        "| notes | system | add one, p50 / p99 [ms] | in thousands [notes/s] | ask, p50 / p95 [ms] | against "
        f"{BASELINE} | memory [MB] | disk [MB] | open [s] | kills: opened, lost of acknowledged |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    right = [
        f"| notes | system | {' | '.join(KINDS)} |",
        f"|---|---|{'---|' * len(KINDS)}",
    ]
    base = {row["records"]: row for row in rows if row["method"] == BASELINE and "ask_p50_ms" in row}
    for row in rows:
        version = str(row.get("version", ""))
        named = row["method"] if version in ("", "this repository") else version
        head = f"| {row['records']:,} | {named} |"
        if "skipped" in row:
            costs.append(f"{head} {row['skipped']} |{' |' * 7}")
            continue
        against = "-"
        if (other := base.get(row["records"])) is not None:
            add, ask = (_number(row[key]) / _number(other[key]) for key in ("add_p50_ms", "ask_p50_ms"))
            against = f"add x {add:.2g}, ask x {ask:.2g}"
        costs.append(
            f"{head} {_figure(row['add_p50_ms'])} / {_figure(row['add_p99_ms'])} | {row['notes_per_s']:,} |"
            f" {_figure(row['ask_p50_ms'])} / {_figure(row['ask_p95_ms'])} | {against} |"
            f" {_number(row['rss_mb']):.0f} ({_number(row['empty_mb']):.0f} empty) |"
            f" {_number(row['disk_mb']):.0f} | {_figure(row['opening_s'])} |"
            f" {row['opened']} of {row['kills']}, {row['lost']} of {row['acknowledged']} |"
        )
        right.append(f"{head} {' | '.join(_right(row, kind) for kind in KINDS)} |")
    measured = [row for row in rows if "date" in row]
    said = [
        "Right answers: first of five, of those asked; in brackets where the newest sighting of the five is"
        " taken.",
    ]
    if measured:
        dates = sorted(str(row["date"]) for row in measured)
        loads = [_number(row["load"]) for row in measured]
        products = [_number(row["product_ms"]) for row in measured]
        said.append(
            f"Measured {dates[0]} to {dates[-1]} UTC; load of the machine before each row {min(loads):.1f} to"
            f" {max(loads):.1f}; a product of two 512 x 512 matrices took {min(products):.1f} to"
            f" {max(products):.1f} ms."
        )
        embedding = [_number(row["embedding_ms"]) for row in measured]
        said.append(
            f"Not in any figure: embedding a question, {min(embedding):.1f} to {max(embedding):.1f} ms"
            + "".join(
                f"; {row['embedded']:,} texts in batches, {_number(row['embedding_s']):.0f} s"
                for row in measured if "embedded" in row and row["method"] == measured[0]["method"]
            )
            + "."
        )  # fmt: skip
    for row in measured:
        head = f"{row['method']}, {row['records']:,} notes"
        if "not_opened" in row:
            said.append(f"{head}: {row['not_opened']}.")
        if row["lost_on_close"]:
            said.append(f"{head}: {row['lost_on_close']} lost without a kill.")
    return "\n".join([*costs, "", *right, "", *said])


def _right(row: Cell, kind: str) -> str:
    first, newest, asked = (_counts(row, name)[kind] for name in ("first", "newest", "asked"))
    return f"{first} ({newest}) of {asked}" if kind in BELIEF else f"{first} of {asked}"


def _counts(row: Cell, name: str) -> Mapping[str, int]:
    counts = row[name]
    assert isinstance(counts, dict)
    return counts


def _figure(value: object) -> str:
    number = _number(value)
    return f"{number:.0f}" if number >= 100 else f"{number:.2g}"


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
