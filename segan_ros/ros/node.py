"""The lifecycle node `segan`: what is there in which state."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile

from segan_ros.ros.answers import Completion
from segan_ros.ros.counters import Counters
from segan_ros.ros.diagnostics import Diagnostics, Report
from segan_ros.ros.inputs import Inputs
from segan_ros.ros.interface import DIAGNOSTICS
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.ros.loader import Loader
from segan_ros.ros.outputs import SPATIAL, Outputs
from segan_ros.ros.pipeline import Pipeline
from segan_ros.ros.qos import unused_overrides, with_overrides
from segan_ros.ros.services import Refused, Services, Wait
from segan_ros.ros.synchronizer import STREAMS
from segan_ros.ros.throttled_log import ThrottledLog

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR

HALF_DONE = ("deactivating", "cleaningup")
"""Transitions that, when they fail, leave less than the state before them needs."""

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
        return ERROR if self.state in HALF_DONE else FAILURE

    return callback


class SeganNode(LifecycleNode):
    """Completes the objects of every image with a mask, and says who hides whom."""

    def __init__(self, name: str = "segan", **options: Any) -> None:
        super().__init__(name, **options)
        self.counters = Counters(ThrottledLog(self.get_logger()))
        self._problem = self._reload_problem = ""
        self._enabled = True
        self._completion: Completion | None = None
        self._outputs: Outputs | None = None
        self._pipeline: Pipeline | None = None
        self._inputs: Inputs | None = None
        self._jumps = 0
        self.parameters = LiveParameters(self, lambda: self.state, self._update)
        for unknown in self.parameters.unknown:
            self.get_logger().warning(f"parameter {unknown!r} is unknown and has no effect")
        self._loader = Loader(self.parameters)
        self._offered = Services(self, lambda: self._pipeline, self._enable, self._reload)
        self._diagnostics = Diagnostics()
        self._diagnostics_publisher = self.create_publisher(
            DIAGNOSTICS.kind,
            DIAGNOSTICS.name,
            **with_overrides(self, "publisher", DIAGNOSTICS.name, QoSProfile(depth=1)),
        )
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
    def requests(self) -> tuple[int, int]:
        """How many requests were taken, and how many of them are answered."""
        return self._offered.taken, self._offered.answered

    @property
    def provider(self) -> str:
        """What runs the networks; empty while unconfigured."""
        return self._completion.model.provider if self._completion else ""

    def start(self, ends: Callable[[], bool] = lambda: False) -> None:
        """Configure and activate, if `autostart` says so; after a failure, wait to be told.

        Args:
            ends: whether the program was told to end meanwhile.
        """
        if not self.parameters["autostart"]:
            return
        if self.trigger_configure() == SUCCESS:
            if not ends():
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
        try:
            self._outputs = Outputs(self)
            self._use(self._loader.load())
        except Exception:
            self._release()
            raise
        self._problem = ""

    @transition
    def on_activate(self, state: LifecycleState) -> None:
        """Subscribe and start the worker."""
        assert self._completion is not None and self._outputs is not None
        super().on_activate(state)
        try:
            self._pipeline = Pipeline(
                self, self.parameters, self.counters, self._completion, self._outputs
            )
            self._inputs = Inputs(self, self.parameters, self.counters, self._pipeline.deliver)
        except Exception:
            self._stop()
            super().on_deactivate(state)
            raise
        self._inputs.enabled = self._enabled
        self._problem = ""
        for name in unused_overrides(self):
            self.get_logger().warning(
                f"parameter {name!r} has no effect: it names no QoS policy of a topic that the "
                "node subscribes to or publishes; ros2 node info lists them"
            )
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
        self._loader.wait()
        if self._completion is not None:
            self._loader.retire(self._completion)
        self._completion, self._reload_problem = None, ""

    def _update(self) -> None:
        """Parameters were set."""
        if self.state != "finalized":
            self._timer.timer_period_ns = round(self.parameters["diagnostics_period"] * 1e9)
        if self._inputs is not None and self._pipeline is not None:
            self._inputs.update()
            self._pipeline.update()

    def _use(self, completion: Completion) -> str:
        """Complete all frames from the next one on with this; a frame in work is finished."""
        if self._completion is not None:
            self._loader.retire(self._completion)
        self._completion, self._reload_problem = completion, ""
        if self._pipeline is not None:
            self._pipeline.use(completion)
        model = completion.model
        text = f"model {model.spec.name} {model.digest} ({model.folder}) on {model.provider}"
        self.get_logger().info(text)
        return text

    async def _reload(self, wait: Wait) -> str:
        """Load the model's files anew; the old model serves meanwhile, and goes on if that fails.

        Raises:
            Refused: the model cannot be used, or there is none to be replaced.
            Busy: it is being loaded.
        """
        before = self._completion
        if before is None:
            raise Refused(f"no model is loaded while the node is {self.state}; configure loads it")
        try:
            completion = await wait(self._loader.begin())
        except (OSError, ValueError) as error:
            self._reload_problem = f"the model was not replaced, the old one goes on: {error}"
            self.get_logger().error(self._reload_problem)
            raise Refused(self._reload_problem) from None
        if self._completion is not before:
            completion.model.close()
            raise Refused(f"the node became {self.state} meanwhile; configure loads the model")
        return self._use(completion)

    def _enable(self, enabled: bool) -> str:
        self._enabled = enabled
        if self._inputs is not None:
            self._inputs.enabled = enabled
        return "enabled" if enabled else "disabled: frames are dropped as they come in"

    def _publish_diagnostics(self) -> None:
        self._loader.tidy()
        message = self._diagnostics.message(self.get_fully_qualified_name()[1:], self.report())
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(message)

    def _of_model(self) -> dict[str, Any]:
        if self._completion is None:
            return {}
        model = self._completion.model
        return {
            "model": model.spec.name,
            "digest": model.digest,
            "provider": model.provider,
            "precision": model.precision,
            "engine": model.engine,
            "reused": self._completion.reused,
        }

    def report(self) -> Report:
        """The node at this moment."""
        inputs = self._inputs
        return Report(
            state=self.state,
            problem=self._problem,
            enabled=self._enabled,
            **self._of_model(),
            reload_problem=self._reload_problem,
            tallies={s: self.counters.tally(s) for s in STREAMS},
            topics=inputs.topics if inputs else {},
            publishers=inputs.publishers if inputs else {},
            elsewhere=inputs.elsewhere if inputs else {},
            parameters=self.parameters.values,
            times=self.counters.percentiles(),
            spatial=sorted(self._outputs.wanted & SPATIAL) if inputs and self._outputs else [],
            calibrated=inputs.calibrated if inputs else False,
            lost_share=inputs.gaps.lost_share if inputs else 0.0,
            camera_problem=inputs.camera_problem if inputs else "",
            jumps=self._jumps + (inputs.jumps if inputs else 0),
            texts=dict(self.counters.throttled.last),
            at=time.monotonic(),
        )
