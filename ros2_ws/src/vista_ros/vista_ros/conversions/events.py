"""Events of a running task."""

from __future__ import annotations

from vista.errors import InvalidValueError
from vista.events import Event, EventKind
from vista_msgs import msg as m
from vista_ros.conversions.detections import detection_from_msg, detection_to_msg
from vista_ros.conversions.images import image_from_msg, image_to_msg
from vista_ros.conversions.memory import memory_item_from_msg, memory_item_to_msg
from vista_ros.conversions.plan import subgoal_from_msg, subgoal_to_msg, subtask_from_msg, subtask_to_msg
from vista_ros.conversions.primitives import named_images, wire
from vista_ros.conversions.results import progress_from_msg, progress_to_msg


def event_to_msg(event: Event) -> m.TaskProgress:
    """``event`` without the result of the task, which comes as the result of the action."""
    goal = event.subgoal
    return m.TaskProgress(
        kind=str(event.kind),
        stage=wire(event.stage),
        subtask=[subtask_to_msg(event.subtask)] if event.subtask else [],
        fraction=event.progress.fraction if event.progress else 0.0,
        seconds=float(event.seconds),
        message=wire(event.text),
        progress=[progress_to_msg(event.progress)] if event.progress else [],
        detections=[detection_to_msg(d) for d in event.detections],
        recalled=[memory_item_to_msg(item) for item in event.recall],
        subgoal=[subgoal_to_msg(goal)] if goal else [],
        cameras=list(event.images),
        images=[image_to_msg(image, 0, camera) for camera, image in event.images.items()],
    )


def event_from_msg(msg: m.TaskProgress) -> Event:
    """The event, at the time of its arrival."""
    try:
        kind = EventKind(msg.kind)
    except ValueError as error:
        known = ", ".join(EventKind)
        raise InvalidValueError(f"TaskProgress.kind: {msg.kind!r}, expected one of {known}") from error
    images = named_images("TaskProgress", msg.cameras, msg.images)
    return Event(
        kind,
        stage=msg.stage,
        seconds=msg.seconds,
        text=msg.message,
        subtask=subtask_from_msg(msg.subtask[0]) if msg.subtask else None,
        subgoal=subgoal_from_msg(msg.subgoal[0]) if msg.subgoal else None,
        progress=progress_from_msg(msg.progress[0]) if msg.progress else None,
        images={camera: image_from_msg(image) for camera, image in images.items()},
        recall=tuple(memory_item_from_msg(item, rank) for rank, item in enumerate(msg.recalled)),
        detections=tuple(detection_from_msg(d) for d in msg.detections),
    )
