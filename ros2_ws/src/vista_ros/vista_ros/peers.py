"""Signs of life: the death of a node is known within a fraction of a second, whatever it was doing.

Each node keeps a writer whose *liveliness* the middleware asserts from a thread of its own. A killed process
falls silent at once, while a busy Python interpreter does not: no traffic, no timers, few false alarms. What
it writes, twice a second, is who it is: a process that was killed and started again within the time that a
pause is forgiven is another process, and has forgotten what it was doing.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence

from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile
from std_msgs.msg import String

# The arm is to be still half a second after any node was killed. A pause of a busy machine only makes it
# hold.
LEASE_S = 0.3
SPEAK_S = 0.5
MEET_S = 4.0
"""One that was started anew before something begins has so long [s] to be heard again."""


def _qos() -> QoSProfile:
    return QoSProfile(
        depth=1,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Duration(seconds=LEASE_S),
    )


def show_life(node: Node, name: str) -> None:
    """Let others see that ``name`` is alive for as long as this process is, and which process it is."""
    # rclpy's own method: one of a life cycle would stay silent until the node is active.
    voice = Node.create_publisher(node, String, f"{name}/alive", _qos())
    who = String(data=uuid.uuid4().hex)
    voice.publish(who)

    def speak() -> None:
        # Said once, it is lost now and then on the way to one who meets this process just after the death of
        # the one before. A thread, because a busy or waiting node does not spin.
        while True:
            time.sleep(SPEAK_S)
            try:
                voice.publish(who)
            except Exception:  # the node has been destroyed, or its context has ended
                return

    threading.Thread(target=speak, name=f"{name}/alive", daemon=True).start()


class Peers:
    """Watches ``names``. One that has never been seen is not missed: a real arm has no ``sim``.

    ``begin`` is called when something starts that needs them; from then on one that is started anew counts as
    gone, however quickly it came back.

    ``on_change(name, alive)`` is called in the node's executor.
    """

    def __init__(
        self, node: Node, names: Sequence[str], on_change: Callable[[str, bool], None] = lambda *_: None
    ) -> None:
        self._lock = threading.Lock()
        self._lost: dict[str, float] = {}
        self._seen: set[str] = set()
        self._who: dict[str, str] = {}
        self._silent: dict[str, int] = {}
        self._dead: dict[str, int] = {}
        self._replaced: set[str] = set()
        self._unmet: set[str] = set()
        self._words: dict[str, float] = {}
        self._on_change = on_change
        self._subscriptions = [self._watch(node, name) for name in names]

    def _watch(self, node: Node, name: str) -> object:
        def changed(event: object) -> None:
            alive, silent = event.alive_count, event.not_alive_count  # type: ignore[attr-defined]
            with self._lock:
                forgotten = silent < self._silent.get(name, 0)
                self._silent[name] = silent
                # Writers of killed processes stay known for a while. One more of them than there were, and a
                # voice: that is somebody else speaking, who says so in a moment.
                self._dead[name] = min(self._dead.get(name, 0), silent)
                anew = silent > self._dead[name]
                before = name in self._lost
                if anew if alive else forgotten:
                    self._unmet.add(name)  # the next voice may be another process: it has to say so
                if alive and anew and not before:
                    self._dead[name] = silent
                elif alive and not anew and name not in self._unmet:
                    self._seen.add(name)
                    self._lost.pop(name, None)
                elif not alive and name in self._seen:
                    self._lost.setdefault(name, time.monotonic())
                    self._words.pop(name, None)
                after = name in self._lost
            if before != after:
                self._on_change(name, not after)

        events = SubscriptionEventCallbacks(liveliness=changed, use_default_callbacks=False)
        return node.create_subscription(
            String, f"{name}/alive", lambda msg: self._meet(name, msg.data), _qos(), event_callbacks=events
        )

    def _meet(self, name: str, who: str) -> None:
        with self._lock:
            self._seen.add(name)
            doubtful = name in self._lost or name in self._unmet
            # One that was killed before it was heard leaves no name: the next voice is taken for another.
            if self._who.get(name, "" if doubtful else who) != who:
                self._replaced.add(name)
                self._dead[name] = self._silent.get(name, 0)
            elif name not in self._unmet:
                self._who[name] = who
                self._hear_again(name)
                return
            self._who[name] = who
            self._unmet.discard(name)
            self._lost.pop(name, None)

    def _hear_again(self, name: str) -> None:
        """One that counts as gone and speaks twice is there, whatever the middleware counts: a last word
        that comes late comes once."""
        now = time.monotonic()
        if name not in self._lost:
            self._words.pop(name, None)
        elif now - self._words.setdefault(name, now) > SPEAK_S / 2:
            del self._words[name]
            del self._lost[name]

    def begin(self) -> None:
        """Something starts now: who was started anew before is forgiven."""
        with self._lock:
            self._replaced.clear()

    def meet(self, timeout_s: float) -> None:
        """As :meth:`begin`, but one that was started anew a moment ago has ``timeout_s`` [s] to say so:
        the middleware tells that somebody speaks before it tells who."""
        deadline = time.monotonic() + timeout_s
        self.begin()
        while (self.lost() is not None or self._doubtful()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.begin()

    def _doubtful(self) -> bool:
        """Whether somebody may be another process than before, and has not said who it is."""
        with self._lock:
            return bool(self._unmet & self._seen)

    def lost(self, for_s: float = 0.0) -> str | None:
        """Who has been gone for at least ``for_s`` [s], or was started anew since :meth:`begin`, in words;
        None when all are there."""
        now = time.monotonic()
        with self._lock:
            names = sorted(name for name, since in self._lost.items() if now - since >= for_s)
            anew = sorted(self._replaced)
        if not names:
            return f"{', '.join(anew)} was gone and has been started anew" if anew else None
        verb = "is" if len(names) == 1 else "are"
        return f"{', '.join(names)} {verb} gone: no sign of life (killed, crashed or shut down)"

    def alive(self, name: str) -> bool:
        with self._lock:
            return name in self._seen and name not in self._lost
