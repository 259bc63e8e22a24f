"""The lifecycle node `segan`: what exists in which state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState

from segan_ros.ros.answers import Completion
from segan_ros.ros.counters import Counters
from segan_ros.ros.diagnostics_publisher import DiagnosticsPublisher
from segan_ros.ros.inputs import CAMERA, Inputs
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.ros.loader import Loader, LoadModel, load_model
from segan_ros.ros.outputs import Outputs
from segan_ros.ros.pipeline import Pipeline
from segan_ros.ros.qos import warn_of_unused_overrides
from segan_ros.ros.report import Report
from segan_ros.ros.services import Refused, Services, Wait, not_serving
from segan_ros.ros.synchronizer import STREAMS
from segan_ros.ros.throttled_log import ThrottledLog
from segan_ros.ros.transitions import SUCCESS, transition


class SeganNode(LifecycleNode):
    """Completes the objects of every image with an instance mask, and publishes their graph.

    Args:
        name: of the node.
        load_model: makes the model that the parameters name.
        options: as `rclpy.node.Node` takes them.
    """

    def __init__(
        self, name: str = "segan", load_model: LoadModel = load_model, **options: Any
    ) -> None:
        super().__init__(name, **options)
        self.counters = Counters(ThrottledLog(self.get_logger()))
        self._problem = self._reload_problem = ""
        self._enabled = True
        self._completion: Completion | None = None
        self._outputs: Outputs | None = None
        self._pipeline: Pipeline | None = None
        self._inputs: Inputs | None = None
        self._jumps = 0
        self._names: Mapping[int, str] = {}
        self.parameters = LiveParameters(self, lambda: self.state, self._update)
        for unknown in self.parameters.unknown:
            self.get_logger().warning(f"parameter {unknown!r} is unknown and has no effect")
        self._loader = Loader(self.parameters, load_model)
        self._offered = Services(self, self._serving, self._enable, self._reload)
        self._diagnostics = DiagnosticsPublisher(self, self.counters.throttled)
        self._timer = self.create_timer(
            self.parameters["diagnostics_period"],
            self._on_timer,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    @property
    def state(self) -> str:
        """Label of the lifecycle state."""
        return self._state_machine.current_state[1]

    @property
    def pipeline(self) -> Pipeline | None:
        """What completes frames, while the node is active."""
        return self._pipeline

    @property
    def names(self) -> Mapping[int, str]:
        """Class by label of label images, as `label_names` said last."""
        return self._inputs.names if self._inputs else self._names

    @property
    def requests(self) -> tuple[int, int]:
        """How many requests were received, and how many of them are answered."""
        return self._offered.taken, self._offered.answered

    @property
    def provider(self) -> str:
        """What runs the networks; empty while unconfigured."""
        return self._completion.model.provider if self._completion else ""

    def start(self, ends: Callable[[], bool] = lambda: False) -> None:
        """Configure and activate, if `autostart` says so; a failure leaves the node unconfigured.

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
                "not started; correct the parameter (ros2 param set), then: "
                f"ros2 lifecycle set {name} configure; ros2 lifecycle set {name} activate"
            )

    def fail(self, text: str) -> None:
        """Report in log and diagnostics why a transition failed."""
        self.get_logger().error(text)
        self._problem = text.strip().splitlines()[-1]

    @transition
    def on_configure(self, state: LifecycleState) -> str:
        """Load the model and run it once."""
        if self.parameters.problems:
            raise ValueError("; ".join(self.parameters.problems))
        try:
            self._outputs = Outputs(self, self.parameters)
            model = self._use(self._loader.load())
        except Exception:
            self._release()
            raise
        self._problem = ""
        return f"configured: {model}"

    @transition
    def on_activate(self, state: LifecycleState) -> str:
        """Subscribe and start the worker."""
        assert self._completion is not None and self._outputs is not None
        super().on_activate(state)
        try:
            self._pipeline = Pipeline(
                self, self.parameters, self.counters, self._completion, self._outputs
            )
            self._inputs = Inputs(
                *(self, self.parameters, self.counters, self._pipeline.deliver, self._on_timer),
                names=self._names,
            )
        except Exception:
            self._stop()
            super().on_deactivate(state)
            raise
        self._inputs.enabled = self._enabled
        self._problem = ""
        warn_of_unused_overrides(self)
        state_of = "active" if self._enabled else "active but disabled (~/enable)"
        return f"{state_of}, waiting for {', '.join(self._inputs.topics.values())}"

    @transition
    def on_deactivate(self, state: LifecycleState) -> str:
        """Unsubscribe, finish the frame in work, end the worker."""
        self._stop()
        super().on_deactivate(state)
        return "deactivated: no longer subscribed, the model stays loaded"

    @transition
    def on_cleanup(self, state: LifecycleState) -> str:
        """Unload the model."""
        self._release()
        return "cleaned up: the model is unloaded"

    @transition
    def on_shutdown(self, state: LifecycleState) -> str:
        """Release everything but the services: pending requests are yet to be answered."""
        self._stop()
        self._release()
        self.destroy_timer(self._timer)
        return "shut down"

    @transition
    def on_error(self, state: LifecycleState) -> str:
        """Back to unconfigured."""
        self._stop()
        self._release()
        return "unconfigured after an error; configure and activate it again"

    def _stop(self) -> None:
        if self._inputs is not None:
            self._jumps += self._inputs.jumps
            self._names = self._inputs.names  # a table comes once, perhaps, and holds until cleanup
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
        self._completion, self._reload_problem, self._names = None, "", {}

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
        runs = f"{model.provider} {model.precision}"
        return f"model {model.spec.name} {model.digest} ({model.folder}) on {runs}"

    def _serving(self) -> Pipeline:
        """The pipeline that answers requests.

        Raises:
            Refused: the node is not active, or disabled.
        """
        if self._pipeline is None or not self._enabled:
            raise not_serving(self.get_fully_qualified_name(), self.state)
        return self._pipeline

    async def _reload(self, wait: Wait) -> str:
        """Load the model's files again; the old model serves meanwhile, and stays if that fails.

        Raises:
            Refused: the model cannot be used, or there is none to replace.
            Busy: one is being loaded.
        """
        before = self._completion
        if before is None:
            raise Refused(f"no model is loaded while the node is {self.state}; configure loads it")
        try:
            completion = await wait(self._loader.begin())
        except (OSError, ValueError) as error:
            self._reload_problem = (
                f"the model was not replaced, the old one stays in use: {error}; correct its files "
                "and call ~/reload again"
            )
            self.get_logger().error(self._reload_problem)
            raise Refused(self._reload_problem) from None
        if self._completion is not before:
            completion.model.close()
            raise Refused(f"the node became {self.state} meanwhile; configure loads the model")
        replaced = self._use(completion)
        self.get_logger().info(f"reloaded: {replaced}")
        return replaced

    def _enable(self, enabled: bool) -> str:
        self._enabled = enabled
        if self._inputs is not None:
            self._inputs.enabled = enabled
        said = "enabled" if enabled else "disabled: frames are dropped until ~/enable is called"
        self.get_logger().info(said)
        return said

    def _on_timer(self) -> None:
        self._loader.tidy()
        self._diagnostics.publish(self.report())

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
            tallies={s: self.counters.tally(s) for s in (*STREAMS, CAMERA)},
            waiting={s: inputs.waiting(s) for s in STREAMS} if inputs else {},
            in_work=self._pipeline.load if self._pipeline else 0,
            silent=inputs.silent if inputs else (),
            topics=inputs.topics if inputs else {},
            publishers=inputs.publishers if inputs else {},
            elsewhere=inputs.elsewhere if inputs else {},
            type_problems=inputs.type_problems if inputs else (),
            parameters=self.parameters.values,
            times=self.counters.percentiles(),
            subscribed=self._outputs.wanted if inputs and self._outputs else (),
            calibrated=inputs.calibrated if inputs else False,
            lost_share=inputs.loss.share if inputs else 0.0,
            up_source=inputs.gravity.source if inputs else "",
            up_confidence=self._pipeline.up_confidence if self._pipeline else float("nan"),
            mask_problem=self._pipeline.mask_problem if self._pipeline else "",
            role_problem=self._pipeline.role_problem if self._pipeline else "",
            camera_problem=inputs.camera_problem if inputs else "",
            jumps=self._jumps + (inputs.jumps if inputs else 0),
            masks=self.counters.masks,
            left_out=self.counters.left_out,
            repeated=self.counters.repeated,
            texts=dict(self.counters.throttled.last),
            at=time.monotonic(),
        )
