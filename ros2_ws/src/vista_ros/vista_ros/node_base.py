"""The base of all nodes: life cycle, diagnostics, one cause of a stop, deadlines and an orderly end.

A subclass writes ``setup`` (build the library object, wire callbacks) and, for resources that must be given
back, ``teardown``. ``run_node`` is its ``main``.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from vista.errors import VistaError
from vista.messages.describe import describe, on_purpose
from vista_ros import health
from vista_ros.parameters import value_of
from vista_ros.peers import show_life
from vista_ros.spinning import Spinner

CLOCK_STALL_S = 1.5
LOOK_S = 1.2
LOG_S = 1.0


class VistaNode(LifecycleNode):
    """Base of every node.

    Parameters of every node: ``autostart`` (configure and activate by itself; default true) and ROS's own
    ``use_sim_time``. ``steady`` is a clock for timers that must go on when the robot's clock stands still.
    ``latch`` keeps the first cause of a stop; ``meter`` feeds the diagnostics.
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, enable_communication_interface=True, **options)
        self.meter, self.latch = health.Meter(), health.Latch()
        self.group = ReentrantCallbackGroup()
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.active = False
        self._last_error, self._warnings = "", {}
        self._logged: dict[tuple[str, type[BaseException]], tuple[float, int]] = {}
        self._made: list[tuple[Callable[..., Any], Any]] = []
        self._clock_lock = threading.Lock()
        self._clock_ns, self._stalled_s, self._looked = -1, 0.0, time.monotonic()
        self.autostart = bool(self.param("autostart", True))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(1.0, self._diagnose, clock=self.steady)
        show_life(self, name)

    # --- written by subclasses ---
    def setup(self) -> None:
        """Build the node's library object and wire it up. Raise to refuse, with a sentence that says why."""

    def teardown(self) -> None:
        """Give back what ``setup`` took; ``subscribe``, ``serve`` and ``every`` clean up by themselves."""

    def report(self) -> dict[str, str]:
        """This node's own values in the diagnostics. Must not wait for anything."""
        return {}

    # --- helpers ---
    def create_subscription(self, *args: Any, **options: Any) -> Any:
        """As rclpy's, without the event handlers it adds unasked: each costs Python time at every wake-up."""
        if options.get("event_callbacks") is None:
            options["event_callbacks"] = SubscriptionEventCallbacks(use_default_callbacks=False)
        return super().create_subscription(*args, **options)

    def create_publisher(self, *args: Any, **options: Any) -> Any:
        """As rclpy's, without the event handlers it adds unasked."""
        if options.get("event_callbacks") is None:
            options["event_callbacks"] = PublisherEventCallbacks(use_default_callbacks=False)
        return super().create_publisher(*args, **options)

    def param(self, name: str, default: Any) -> Any:
        """The value of a parameter, of the kind of ``default``, with which it is declared when it is new.

        An integer is taken where a fraction is expected (``rate_hz:=1``).

        Raises:
            InvalidValueError: the parameter was set to another kind of value.
        """
        return value_of(self, name, default)

    def now_ns(self) -> int:
        """The robot's clock [ns]."""
        return int(self.get_clock().now().nanoseconds)

    def subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None], qos: Any = 1) -> Any:
        """A subscription whose callback is timed, may fail, and is silent while the node is inactive."""
        sub = self.create_subscription(
            kind, topic, self._guarded(topic, callback), qos, callback_group=self.group
        )
        self._made.append((self.destroy_subscription, sub))
        return sub

    def every(self, period_s: float, callback: Callable[[], None], name: str = "timer") -> Any:
        """A timer on the steady clock."""
        timer = self.create_timer(
            period_s, self._guarded(name, callback), callback_group=self.group, clock=self.steady
        )
        self._made.append((self.destroy_timer, timer))
        return timer

    def serve(self, kind: Any, name: str, callback: Callable[[Any, Any], Any]) -> Any:
        """A service. An exception of ``callback`` becomes ``ok = False`` with one sentence."""

        def answer(request: Any, response: Any) -> Any:
            try:
                if not self.active:
                    raise VistaError(f"{self.get_name()} is not active")
                with self.meter.measure(name):
                    return callback(request, response)
            except Exception as error:
                self.note_error(name, error)
                response.ok = False
                for field in ("reason", "message", "cause"):
                    if hasattr(response, field):
                        setattr(response, field, describe(error))
                        break
                return response

        service = self.create_service(kind, name, answer, callback_group=self.group)
        self._made.append((self.destroy_service, service))
        return service

    def owns(self, thing: Any, destroy: Callable[[Any], Any]) -> Any:
        """Have ``destroy(thing)`` called when the node is cleaned up."""
        self._made.append((destroy, thing))
        return thing

    def warn(self, key: str, text: str) -> None:
        """Show a warning in the diagnostics until ``warn`` is called again for ``key`` with an empty text."""
        before = self._warnings.pop(key, "")
        if text:
            self._warnings[key] = text
            if not before:
                self.get_logger().warning(text)

    def note_error(self, where: str, error: BaseException) -> str:
        """Keep ``error`` for the diagnostics and log it; returns it in one line. Of a stream of errors of
        one kind from one place, one a second is logged."""
        text = describe(error)
        self._last_error = f"{where}: {text}"
        kind, now = (where, type(error)), time.monotonic()
        last, left_out = self._logged.get(kind, (-1e9, 0))
        if now - last < LOG_S:
            self._logged[kind] = (last, left_out + 1)
            return text
        self._logged[kind] = (now, 0)
        more = f" (and {left_out} more since the last line)" if left_out else ""
        self.get_logger().error(self._last_error + more)
        if not on_purpose(error):
            logging.getLogger(__name__).error("%s", self._last_error, exc_info=error)
        return text

    def _guarded(self, name: str, callback: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any) -> None:
            if not self.active:
                return
            try:
                with self.meter.measure(name):
                    callback(*args)
            except Exception as error:
                if rclpy.ok():
                    self.note_error(name, error)

        return call

    # --- life cycle ---
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            self.setup()
        except Exception as error:
            self.note_error("setup", error)
            self._clean()
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.active, self._last_error = True, ""
        result = super().on_activate(state)
        self._diagnose()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.active = False
        self.latch.set("the node was deactivated")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._clean()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._clean()
        return TransitionCallbackReturn.SUCCESS

    def _clean(self) -> None:
        self.active = False
        try:
            self.teardown()
        except Exception as error:
            self.note_error("teardown", error)
        while self._made:
            destroy, thing = self._made.pop()
            destroy(thing)

    def clock_stalled_s(self) -> float:
        """How long the robot's clock has stood still while this node was looking [s].

        Between one look and the next at most ``LOOK_S`` counts: a part that thinks for seconds, or a machine
        that gives this process no time, is no robot that stands still.
        """
        with self._clock_lock:
            now, clock = time.monotonic(), self.now_ns()
            if clock != self._clock_ns:
                self._clock_ns, self._stalled_s = clock, 0.0
            else:
                self._stalled_s += min(now - self._looked, LOOK_S)
            self._looked = now
            return self._stalled_s

    # --- diagnostics ---
    def _diagnose(self) -> None:
        stalled = self.clock_stalled_s()
        self.warn("clock", f"the clock stands still since {stalled:.1f} s" if stalled > CLOCK_STALL_S else "")
        values = {"state": "active" if self.active else "inactive", "pid": str(os.getpid())}
        values |= {"last error": self._last_error, "stop cause": self.latch.cause or ""} | self.meter.values()
        values |= self.report()
        error = "" if self.active else self._last_error
        array = DiagnosticArray(
            status=[
                health.status(
                    self.get_fully_qualified_name().lstrip("/"), values,
                    error=error, warning="; ".join(self._warnings.values()),
                )
            ]
        )  # fmt: skip
        array.header.stamp = self.get_clock().now().to_msg()
        try:
            self._diagnostics.publish(array)
        except Exception:  # the context may be gone already
            self.meter.add("diagnostics dropped")


def run_node(make: Callable[[], VistaNode], threads: int = 4) -> NoReturn:
    """``main`` of a node: spin until SIGINT or SIGTERM, give everything back, end the process with status 0.

    The signals are Python's own here and ROS's executor runs in a thread: what a signal does to a spinning
    executor differs between ROS distributions.
    """
    from vista.graph.processes import die_with_parent

    die_with_parent()
    ended, starting = threading.Event(), [True]

    def end(*_: object) -> None:
        ended.set()
        if starting:
            starting.clear()
            raise KeyboardInterrupt  # loading a model takes long; nobody waits for its end

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    node: VistaNode | None = None
    spinner: Spinner | None = None
    try:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        node = make()
        note = partial(node.note_error, "spin")
        spinner = Spinner(node, threads, note, ended.set)
        if node.autostart and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
        starting.clear()
        while not ended.wait(1.0):
            pass
    except KeyboardInterrupt:
        starting.clear()
    finally:
        if node is not None:
            node.latch.set("the node was shut down")  # what still runs sees it and ends by itself
            if spinner is not None:
                spinner.close(2.0)
            node.on_shutdown(None)  # type: ignore[arg-type]
            node.destroy_node()
        rclpy.try_shutdown()
    # Everything has been given back. Python's own end, module by module, takes seconds with torch loaded; a
    # supervisor that stops seven nodes at once would kill them meanwhile.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
