"""What the stack asks before it moves the arm."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point

from vista.types import Ask, Option, Question
from vista_msgs import msg as m
from vista_ros.conversions.primitives import numbered, wire

_KINDS = {kind: int(getattr(m.Question, kind.name)) for kind in Ask}


def question_to_msg(question: Question) -> m.Question:
    return m.Question(
        kind=_KINDS[question.kind],
        about=wire(question.about),
        text=wire(question.text),
        options=[option_to_msg(option) for option in question.options],
    )


def question_from_msg(msg: m.Question) -> Question:
    kind = numbered(_KINDS, msg.kind, "Question.kind")
    return Question(kind, msg.about, msg.text, tuple(option_from_msg(option) for option in msg.options))


def option_to_msg(option: Option) -> m.Option:
    x, y, z = (0.0, 0.0, 0.0) if option.position is None else map(float, option.position)
    return m.Option(
        name=wire(option.name), where=wire(option.where), placed=option.position is not None,
        position=Point(x=x, y=y, z=z), entity=option.entity,
    )  # fmt: skip


def option_from_msg(msg: m.Option) -> Option:
    p = msg.position
    return Option(msg.name, msg.where, np.array([p.x, p.y, p.z]) if msg.placed else None, msg.entity)
