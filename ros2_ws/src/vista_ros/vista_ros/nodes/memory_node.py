"""The memory: RoboMemory behind services, one file a scene."""

from __future__ import annotations

from robomemory.draw import graph_image
from robomemory.embedding import HashingEmbedder
from robomemory.memory import RoboMemory
from vista.cli import compose
from vista.errors import UnknownNameError
from vista_msgs.srv import Recall, Remember, Scene
from vista_ros import conversions as c
from vista_ros.node_base import VistaNode, run_node


class MemoryNode(VistaNode):
    """``remember`` answers when the notes are durable: a kill right after loses nothing."""

    def __init__(self) -> None:
        super().__init__("memory")
        self._memory = None

    def setup(self) -> None:
        folder, scene = self.param("folder", "runs/memory"), self.param("scene_name", "scene")
        if (embedder := self.param("embedder", "")) not in ("", "hashing"):
            raise UnknownNameError("embedder", embedder, ["hashing"])
        if embedder == "hashing":
            self._memory = RoboMemory.for_scene(folder, scene, embedder=HashingEmbedder())
        else:
            self._memory = compose.open_memory(folder, scene)
        self.serve(Remember, "remember", self._remember)
        self.serve(Recall, "recall", self._recall)
        self.serve(Scene, "scene", self._scene)

    def teardown(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _remember(self, request: Remember.Request, response: Remember.Response) -> Remember.Response:
        notes = [c.note_from_msg(note) for note in request.notes]
        self._memory.remember(notes)
        response.ok, response.kept = True, len(notes)
        return response

    def _recall(self, request: Recall.Request, response: Recall.Response) -> Recall.Response:
        found = self._memory.recall(request.queries, k=request.k or 5, timeout_s=request.timeout_s or 1.0)
        response.ok, response.items = True, [c.memory_item_to_msg(item) for item in found]
        response.late = [str(kind) for kind in found.missing]
        return response

    def _scene(self, request: Scene.Request, response: Scene.Response) -> Scene.Response:
        scene = self._memory.scene()
        response.notes = [c.note_to_msg(note) for note in c.scene_to_notes(scene, list(request.entities))]
        response.stamp = max((n.stamp for n in response.notes), key=c.time_from_msg, default=response.stamp)
        if request.picture:
            response.svg = graph_image(self._memory).decode()
        response.ok = True
        return response


def main() -> int:
    return run_node(MemoryNode)


if __name__ == "__main__":
    raise SystemExit(main())
