"""Skills, subtasks and their goal images."""

from __future__ import annotations

from vista.errors import InvalidValueError
from vista.skill import Skill
from vista.types import Subgoal, Subtask
from vista_msgs import msg as m
from vista_ros.conversions.grounding import grounding_from_field, grounding_to_field
from vista_ros.conversions.images import image_from_msg, image_to_msg
from vista_ros.conversions.primitives import named_images, time_from_msg, time_to_msg, wire


def skill_to_msg(skill: Skill) -> m.Skill:
    return m.Skill(
        verb=str(skill.verb),
        thing=wire(skill.thing),
        relation=str(skill.relation or ""),
        place=wire(skill.place),
        at=list(skill.at or ()),
    )


def skill_from_msg(msg: m.Skill) -> Skill:
    relation = msg.relation or None
    at = tuple(msg.at) or None
    return Skill(msg.verb, msg.thing, relation, msg.place, at)  # type: ignore[arg-type]  # its words are checked


def subtask_to_msg(subtask: Subtask) -> m.Subtask:
    msg = m.Subtask(index=subtask.index, why=wire(subtask.why))
    if subtask.skill is None:
        msg.sentence = wire(subtask.text)
    else:
        msg.skill = skill_to_msg(subtask.skill)
    return msg


def subtask_from_msg(msg: m.Subtask) -> Subtask:
    skilled = any((msg.skill.verb, msg.skill.thing, msg.skill.relation, msg.skill.place))
    if skilled and msg.sentence:
        raise InvalidValueError(
            f"Subtask: a skill and the sentence {msg.sentence!r}, expected one of the two"
        )
    return Subtask(skill_from_msg(msg.skill) if skilled else msg.sentence, msg.index, msg.why)


def subtask_in_words(msg: m.Subtask) -> str:
    """A subtask for a log, whatever its message holds."""
    skill = msg.skill
    words = (skill.verb, skill.thing, skill.relation, skill.place, msg.sentence)
    return wire(" ".join(word for word in words if word))


def subgoal_to_msg(subgoal: Subgoal) -> m.Subgoal:
    stamp = subgoal.source_stamp_ns
    return m.Subgoal(
        subtask=subtask_to_msg(subgoal.subtask),
        cameras=list(subgoal.images),
        images=[image_to_msg(image, stamp, camera) for camera, image in subgoal.images.items()],
        score=float(subgoal.score),
        seed=int(subgoal.seed),
        source_stamp=time_to_msg(stamp),
        grounding=grounding_to_field(subgoal.grounding),
    )


def subgoal_from_msg(msg: m.Subgoal) -> Subgoal:
    images = named_images("Subgoal", msg.cameras, msg.images)
    return Subgoal(
        subtask_from_msg(msg.subtask),
        {camera: image_from_msg(image) for camera, image in images.items()},
        msg.score,
        msg.seed,
        time_from_msg(msg.source_stamp),
        grounding_from_field(msg.grounding),
    )
