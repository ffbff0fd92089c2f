"""The page of suite ``vista``: what is shown, and that nobody's words become part of it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vista.cli.main import main
from vista.errors import ConfigError
from vista.report.bench_page import Row, Shot, write_bench_page
from vista_bench.suites import BenchSettings, make_suite
from vista_bench.suites.episode_pages import FAILURES, PAPER, paper_rows, pick


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.files: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.files += [v or "" for k, v in attrs if k in ("src", "poster")]

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_the_first_success_and_the_first_failures_are_picked():
    assert pick([3, 5], [3, 4, 5, 6]) == [4, 3, 5]
    assert pick([], [8, 9]) == [8]
    failed = list(range(20))
    assert pick(failed, failed) == failed[:FAILURES]


def test_the_papers_rows_carry_the_papers_rates():
    rates = {row.method.split(",")[0]: round(row.rate, 3) for row in paper_rows("novel")}
    assert rates == {"π0 (text)": 0.138, "π0-subtask": 0.286, "VISTA": 0.693}
    assert all(row.published and row.interval[0] < row.rate < row.interval[1] for row in paper_rows("basic"))
    assert paper_rows("heldout") == []
    assert all(good <= n for cell in PAPER.values() for good, n, _ in cell.values())


def test_rows_causes_and_pictures_are_on_the_page_and_words_stay_words(tmp_path: Path):
    ours = Row("novel", "ours", 10, 0.7, (0.4, 0.9), 0.9, 0.8, {"grasp missed": 3}, {"shape": "1/2"})
    bad = "<script>alert(1)</script>"
    shot = Shot("novel", "ours", 7, bad, "grasp missed", bad, "a.jpg", "b.jpg", {bad: "g 0.jpg"}, "v.mp4")
    path = write_bench_page("A title", {"commit": bad}, [ours, *paper_rows("novel")], [shot], tmp_path)
    page = Page(path.read_text())
    assert "script" not in page.tags
    assert {"a.jpg", "b.jpg", "g%200.jpg", "v.mp4"} <= set(page.files)
    for word in ("70.0%", "40% to 90%", "grasp missed", "VISTA, the paper", "69.3%", "1/2"):
        assert word in page.text
    assert page.tags.count("article") == 1


def test_a_suite_without_a_page_says_so(tmp_path: Path):
    for name in ("goals", "basic"):
        with pytest.raises(ConfigError, match=f"suite '{name}' has no page"):
            make_suite(name).page(BenchSettings(), tmp_path, {}, tmp_path)


@pytest.mark.long
def test_a_bench_that_is_run_again_finds_the_same(tmp_path: Path):
    """In lockstep, whatever the number of processes: the same seeds, outcomes, steps and causes."""
    found = []
    for workers in ("1", "2"):
        out = tmp_path / workers
        args = ["bench", "--suite", "vista", "--cell", "novel", "--method", "ours", "--split", "tuning"]
        assert main([*args, "--episodes", "4", "--workers", workers, "--out", str(out)]) == 0
        records = [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]
        found.append(sorted((r["seed"], {k: v for k, v in r.items() if k != "wall_s"}) for r in records))
    assert [seed for seed, _ in found[0]] == [seed for seed, _ in found[1]]
    assert found[0] == found[1]


@pytest.mark.long
def test_the_bench_films_what_it_counted(tmp_path: Path):
    page, report = tmp_path / "page", tmp_path / "report.json"
    args = ["bench", "--suite", "vista", "--cell", "novel", "--method", "ours", "--split", "tuning"]
    more = ["--episodes", "2", "--out", str(tmp_path), "--json", str(report), "--page", str(page)]
    assert main([*args, *more]) == 0
    shown = Page((page / "index.html").read_text())
    assert shown.files
    assert all((page / name).stat().st_size > 500 for name in shown.files)
    (cell,) = json.loads(report.read_text())["cells"]
    assert f"{cell['success_rate']:.1%}" in shown.text
