"""Turns the record of a run into a page that a person can read."""

from vista.report.machine import machine_info
from vista.report.page import render_page, write_page
from vista.report.record import RunRecord, StageSpan, SubtaskRecord, load_record

__all__ = [
    "RunRecord",
    "StageSpan",
    "SubtaskRecord",
    "load_record",
    "machine_info",
    "render_page",
    "write_page",
]
