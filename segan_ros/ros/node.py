"""The lifecycle node `segan`: what is there in which state, and the program around it."""

from __future__ import annotations

import logging
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from segan_ros.inference import Model, model_folder
from segan_ros.ros.accounts import Accounts
from segan_ros.ros.diagnostics import Diagnostics, Report
from segan_ros.ros.inputs import Inputs
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.ros.notices import Notices, RosHandler
from segan_ros.ros.outputs import Outputs
from segan_ros.ros.pipeline import Pipeline
from segan_ros.ros.services import Services
from segan_ros.ros.snapshots import Completion
from segan_ros.ros.synchronizer import STREAMS

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE

LAST_ANSWERS, LAST_REQUESTS = 5.0, 0.1
"""Seconds that the program goes on at its end to answer open requests, and to look for more."""

Transition = Callable[["SeganNode", LifecycleState], None]


def transition(change: Transition) -> Callable[..., TransitionCallbackReturn]:
    """A lifecycle callback that says why it failed; rclpy itself keeps silent."""

    @wraps(change)
    def callback(self: SeganNode, state: LifecycleState) -> TransitionCallbackReturn:
        name = change.__name__.removeprefix("on_")
        try:
            change(self, state)
        except (OSError, ValueError) as error:
            self.fail(f"cannot {name}: {error}")
        except Exception:
            self.fail(f"cannot {name}: {traceback.format_exc()}")
        else:
            return SUCCESS
        return FAILURE

    return callback


class SeganNode(LifecycleNode):
    """Completes the objects of every image with a mask, and says who hides whom."""

    def __init__(self, name: str = "segan", **options: Any) -> None:
        super().__init__(name, **options)
        self.accounts = Accounts(Notices(self.get_logger()))
        self._problem = ""
        self._enabled = True
        self._completion: Completion | None = None
        self._outputs: Outputs | None = None
        self._pipeline: Pipeline | None = None
        self._inputs: Inputs | None = None
        self._jumps = 0
        self.parameters = LiveParameters(self, lambda: self.state, self._update)
        for unknown in self.parameters.unknown:
            self.get_logger().warning(f"parameter {unknown!r} is unknown and has no effect")
        self._offered = Services(self, lambda: self._pipeline, self._enable)
        self._diagnostics = Diagnostics()
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 1)
        self._timer = self.create_timer(
            self.parameters["diagnostics_period"],
            self._publish_diagnostics,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    @property
    def state(self) -> str:
        """Label of the lifecycle state."""
        return self._state_machine.current_state[1]

    @property
    def open_requests(self) -> int:
        """Requests that came in and are not answered yet."""
        return self._offered.open

    @property
    def provider(self) -> str:
        """What runs the networks; empty while unconfigured."""
        return self._completion.model.provider if self._completion else ""

    def start(self) -> None:
        """Configure and activate, if `autostart` says so; after a failure, wait to be told."""
        if not self.parameters["autostart"]:
            return
        if self.trigger_configure() == SUCCESS:
            self.trigger_activate()
        else:
            name = self.get_fully_qualified_name()
            self.get_logger().error(
                "not started. Set what is wrong (ros2 param set), then: "
                f"ros2 lifecycle set {name} configure; ros2 lifecycle set {name} activate"
            )

    def fail(self, text: str) -> None:
        """Say in log and diagnostics why a transition failed."""
        self.get_logger().error(text)
        self._problem = text.strip().splitlines()[-1]

    @transition
    def on_configure(self, state: LifecycleState) -> None:
        """Load the model and run it once."""
        if self.parameters.problems:
            raise ValueError("; ".join(self.parameters.problems))
        values = self.parameters.values
        model = Model(
            model_folder(values["model"]),
            values["provider"],
            values["threads"],
            values["engine_cache"],
        )
        self._outputs = Outputs(self)
        self._completion = Completion(model)
        self._problem = ""
        self.get_logger().info(f"model {model.spec.name} ({model.folder}) on {model.provider}")

    @transition
    def on_activate(self, state: LifecycleState) -> None:
        """Subscribe and start the worker."""
        assert self._completion is not None and self._outputs is not None
        super().on_activate(state)
        try:
            self._pipeline = Pipeline(
                self, self.parameters, self.accounts, self._completion, self._outputs
            )
            self._inputs = Inputs(self, self.parameters, self.accounts, self._pipeline.deliver)
        except Exception:
            self._stop()
            super().on_deactivate(state)
            raise
        self._inputs.enabled = self._enabled
        self._problem = ""
        self.get_logger().info("active, waiting for " + ", ".join(self._inputs.topics.values()))

    @transition
    def on_deactivate(self, state: LifecycleState) -> None:
        """Unsubscribe, finish the frame in work, end the worker."""
        self._stop()
        super().on_deactivate(state)

    @transition
    def on_cleanup(self, state: LifecycleState) -> None:
        """Forget the model."""
        self._release()

    @transition
    def on_shutdown(self, state: LifecycleState) -> None:
        """Give everything back but the services: open requests are yet to be answered."""
        self._stop()
        self._release()
        self.destroy_timer(self._timer)

    @transition
    def on_error(self, state: LifecycleState) -> None:
        """Back to unconfigured."""
        self._stop()
        self._release()

    def _stop(self) -> None:
        if self._inputs is not None:
            self._jumps += self._inputs.jumps
            self._inputs.close("deactivated")
            self._inputs = None
        if self._pipeline is not None:
            self._pipeline.close("deactivated")
            self._pipeline = None

    def _release(self) -> None:
        if self._outputs is not None:
            self._outputs.close()
            self._outputs = None
        self._completion = None

    def _update(self) -> None:
        """Parameters were set."""
        if self.state != "finalized":
            self._timer.timer_period_ns = round(self.parameters["diagnostics_period"] * 1e9)
        if self._inputs is not None and self._pipeline is not None:
            self._inputs.update()
            self._pipeline.update()

    def _enable(self, enabled: bool) -> str:
        self._enabled = enabled
        if self._inputs is not None:
            self._inputs.enabled = enabled
        return "enabled" if enabled else "disabled: frames are dropped as they come in"

    def _publish_diagnostics(self) -> None:
        message = self._diagnostics.message(self.get_fully_qualified_name()[1:], self.report())
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(message)

    def report(self) -> Report:
        """The node at this moment."""
        inputs = self._inputs
        return Report(
            state=self.state,
            problem=self._problem,
            enabled=self._enabled,
            model=self._completion.model.spec.name if self._completion else "",
            provider=self.provider,
            tallies={s: self.accounts.tally(s) for s in STREAMS},
            topics=inputs.topics if inputs else {},
            times=self.accounts.percentiles(),
            lost_share=inputs.gaps.lost_share if inputs else 0.0,
            jumps=self._jumps + (inputs.jumps if inputs else 0),
            texts=dict(self.accounts.notices.last),
        )


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM."""
    stopped = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        signal.signal(number, signal.SIG_DFL)  # whoever asks twice does not want to wait

    # With rclpy's handlers the context would be gone before the frame in work is published.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    node = SeganNode()
    logging.basicConfig(level=logging.INFO, handlers=[RosHandler(node.get_logger())])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    node.start()
    while not stopped and rclpy.ok():
        try:
            # The timeout is for the signals, which Python handles between two calls only.
            _spin_once(node, executor, 0.2)
        except ExternalShutdownException:
            break
    if node.state != "finalized":
        node.trigger_shutdown()
    if rclpy.ok():
        _answer_all(node, executor)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


def _spin_once(node: SeganNode, executor: Executor, timeout: float) -> None:
    try:
        executor.spin_once(timeout_sec=timeout)
    except ExternalShutdownException:
        raise
    except Exception:
        node.accounts.notices.error(
            "internal_error", f"a callback failed: {traceback.format_exc()}"
        )


def _answer_all(node: SeganNode, executor: Executor) -> None:
    """Who asked before the end gets an answer; nobody's client waits for ever."""
    deadline = time.monotonic() + LAST_ANSWERS
    while node.open_requests and time.monotonic() < deadline:
        _spin_once(node, executor, 0.1)
    # Requests that came in while the node shut down are not taken yet.
    deadline = time.monotonic() + LAST_REQUESTS
    while time.monotonic() < deadline:
        _spin_once(node, executor, LAST_REQUESTS)


if __name__ == "__main__":
    sys.exit(main())
