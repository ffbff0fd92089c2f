"""The page of a run: everything a reader looks for is there, nothing comes from elsewhere."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests import mocks
from tests.vista.test_recording import perform
from vista.errors import ConfigError
from vista.report import RunRecord, StageSpan, SubtaskRecord, load_record, machine_info, render_page
from vista.report.charts import calls, ordered, seconds, timeline
from vista.report.recording import RunRecorder
from vista.report.video import side_by_side

EMPTY = RunRecord("", "running", None, "", "2026-01-02T03:04:05+00:00")
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Collects the text, the links and the tags that are left open."""

    def __init__(self, html):
        super().__init__()
        self.text, self.links, self.open, self.html = "", [], [], html
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data + " "


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder and page of one recorded run."""
    recorder = RunRecorder(tmp_path_factory.mktemp("runs"), facts={"task": "pick_place"})
    perform(recorder, "grasp the blue mug", "place the blue mug in the tray")
    html = recorder.close(truth=True).read_text()
    return recorder.folder, Page(html)


def test_page_tells_the_whole_run(run):
    _, page = run
    for word in (
        "put the blue mug in the tray", "grasp the blue mug", "success", "all steps are done",
        "imagined goal", "reached image", "camera image", "What the memory recalled", "blue mug at",
        "pursue.predict", "imagine", "processor", "pick_place",
    ):  # fmt: skip
        assert word in page.text, word
    assert page.open == []


def test_every_link_is_a_file_of_the_run(run):
    folder, page = run
    images = [link for link in page.links if link.endswith(".png")]
    assert len(set(images)) == 2 * len(mocks.CAMERAS) * 3
    assert "video.mp4" in page.links
    for link in page.links:
        assert (folder / link).is_file(), link
    assert not re.search(r"https?://|@import|url\(", page.html)


def test_page_can_be_made_again_from_the_json(run):
    folder, page = run
    assert render_page(load_record(folder)) == page.html


def test_words_of_the_run_are_never_read_as_html():
    evil = "<script>alert(1)</script>\"'&"
    record = dataclasses.replace(
        EMPTY, instruction=evil, cause=evil, warnings=(evil,), facts={evil: evil}, outcome=evil,
        timings={evil: (0.1,)}, spans=(StageSpan(evil, 0.0, 0.1),),
        subtasks=(SubtaskRecord(evil, 0, 1, evil, evil, 0.5, {evil: {"goal": evil}}),),
    )  # fmt: skip
    html = render_page(record)
    assert html.count("<script>") == 1
    assert Page(html).open == []
    assert evil in Page(html).text


def test_a_run_of_which_nothing_is_known_still_has_a_page():
    page = Page(render_page(EMPTY))
    assert page.open == []
    assert "None was tried" in page.text


def test_belief_and_truth_that_differ_are_pointed_out():
    fooled = dataclasses.replace(EMPTY, outcome="success", truth=False)
    assert "not what happened" in render_page(fooled)
    assert "not what happened" not in render_page(dataclasses.replace(fooled, truth=True))
    assert "not what happened" not in render_page(dataclasses.replace(fooled, truth=None))


def test_missing_images_leave_a_gap_and_no_broken_link():
    subtask = SubtaskRecord("a", 0, 1, "failed", images={"front": {"before": "images/a.png"}})
    page = Page(render_page(dataclasses.replace(EMPTY, subtasks=(subtask,))))
    assert page.text.count("no image") == 2
    assert "reached image" not in page.text


@pytest.mark.parametrize("content", ["", "{", "[]", '{"instruction": 1}'])
def test_a_record_that_is_not_one_is_named(tmp_path, content):
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(ConfigError, match=r"result\.json"):
        load_record(tmp_path)
    with pytest.raises(ConfigError, match="nowhere"):
        load_record(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 µs"),
        (1.2e-5, "12 µs"),
        (0.0123, "12.3 ms"),
        (0.9999, "1 s"),
        (12.34, "12.3 s"),
        (125, "2 min 05 s"),
    ],
)
def test_durations_are_written_for_people(value, text):
    assert seconds(value) == text


def test_charts_draw_what_they_are_given():
    spans = [StageSpan("plan", 0.0, 0.5), StageSpan("imagine", 0.5, 1.5), StageSpan("own", 1.5, 2.0)]
    chart = timeline(spans, 2.0)
    widths = [float(w) for w in re.findall(r'<rect[^>]* width="([\d.]+)"', chart)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)
    assert "own" in chart
    assert calls({}) == ""
    assert calls({"plan": [0.1, 0.2, 0.3]}).count("<circle") == 3
    assert calls({"plan": np.full(5000, 0.1).tolist()}).count("<circle") <= 201
    assert [n for n, _ in ordered({"x": (), "pursue.send": (), "pursue": (), "plan": ()})] == [
        "plan", "pursue", "pursue.send", "x",
    ]  # fmt: skip


def test_cameras_stand_side_by_side_with_even_sides():
    a, b = np.full((5, 4, 3), 10, np.uint8), np.full((3, 3, 3), 20, np.uint8)
    frame = side_by_side({"b": b, "a": a})
    assert frame.shape == (6, 8, 3)
    assert (frame[:5, :4] == 10).all()
    assert (frame[:3, 4:7] == 20).all()


def test_machine_is_described_without_naming_it():
    import platform

    info = machine_info()
    assert {"processor", "cores", "memory", "system", "python", "numpy"} <= set(info)
    assert all(info.values())
    assert platform.node() not in " ".join(info.values())
