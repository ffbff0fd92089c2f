"""The picture of the memory's graph for viewers."""

from __future__ import annotations

from collections.abc import Sequence

from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from robomemory.graph.markers import Marker as Shown
from robomemory.graph.markers import Shape
from vista_ros.conversions.primitives import time_to_msg, wire

_MARKERS = {Shape.SPHERE: Marker.SPHERE, Shape.LABEL: Marker.TEXT_VIEW_FACING, Shape.LINE: Marker.LINE_LIST}


def marker_array(markers: Sequence[Shown], stamp_ns: int = 0, frame: str = "base") -> MarkerArray:
    """The whole picture in one message. Its first marker deletes the picture before, so that a viewer that
    missed a message shows neither too little nor too much."""
    out = MarkerArray()
    wipe = Marker(action=Marker.DELETEALL)
    wipe.header.frame_id, wipe.header.stamp = frame, time_to_msg(stamp_ns)
    out.markers.append(wipe)
    for each in markers:
        msg = Marker(id=each.number, type=_MARKERS[each.shape], action=Marker.ADD)
        msg.ns, msg.text = wire(each.group), wire(each.text)
        msg.header = wipe.header
        msg.pose.orientation.w = 1.0
        red, green, blue, opacity = each.colour
        msg.color = ColorRGBA(r=red, g=green, b=blue, a=opacity)
        points = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in each.points]
        if each.shape is Shape.LINE:
            msg.points, msg.scale.x = points, each.size_m
        else:
            msg.pose.position = points[0]
            msg.scale.x = msg.scale.y = msg.scale.z = each.size_m
        out.markers.append(msg)
    return out
