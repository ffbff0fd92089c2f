"""Takes off what a model thinks aloud before it answers: thoughts are no answer, and may say the opposite.

Servers hand them over in many ways: within ``<think>`` and its relatives, with the opening mark left out
(it stood in the prompt), with the closing one missing (the model was cut off), or on a channel of its own.
"""

from __future__ import annotations

import re

_NAMES = r"(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)"
_MARK = re.compile(
    rf"(?:<|&lt;|\[|◁)\s*(?P<close>/)?\s*{_NAMES}\b(?P<rest>[^<>\[\]▷\n]{{0,200}}?)(?P<empty>/)?\s*(?:>|&gt;|\]|▷)"
    r"|<\|(?P<turn>begin|end)_of_(?:thought|reasoning|thinking)\|>",
    re.IGNORECASE,
)
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]{0,100}<\|message\|>", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|(?:channel|start|message)\|>", re.IGNORECASE)
_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>", re.IGNORECASE)


def without_reasoning(text: str) -> str:
    """``text`` without thoughts; empty when it holds nothing else.

    A closing mark without an opening one ends thoughts that began with the text. An opening one without an
    end begins thoughts that were cut off, unless an inner one was closed: what follows the last closing mark
    is then the answer.
    """
    if finals := list(_FINAL.finditer(text)):
        return _TOKEN.split(text[finals[-1].end() :])[0].strip()
    if _CHANNEL.search(text):
        return ""
    kept: list[str] = []
    depth, begin, closed = 0, 0, None
    for mark in _MARK.finditer(text):
        opening = mark["turn"].lower() == "begin" if mark["turn"] else not mark["close"]
        if depth == 0:
            kept.append(text[begin : mark.start()])
        if mark["empty"]:
            opening = False
        elif opening:
            depth, closed = depth + 1, None
        elif depth:
            depth, closed = depth - 1, mark.end()
        else:
            kept = []
        begin = mark.end()
    if depth == 0:
        kept.append(text[begin:])
    elif closed is not None:
        kept = [text[closed:]]
    return "".join(kept).strip() if begin else text
