"""Lifecycle callbacks that log what was done, or why it could not be; rclpy itself is silent."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR

HALF_DONE = ("deactivating", "cleaningup")
"""Transitions that, when they fail, leave less than the state before them needs."""


class _Node(Protocol):
    @property
    def state(self) -> str: ...

    def get_logger(self) -> Any: ...

    def fail(self, text: str) -> None: ...


def transition(
    change: Callable[[Any, LifecycleState], str],
) -> Callable[..., TransitionCallbackReturn]:
    """A lifecycle callback from a method that does the work and returns what to log."""

    @wraps(change)
    def callback(self: _Node, state: LifecycleState) -> TransitionCallbackReturn:
        name = change.__name__.removeprefix("on_")
        try:
            done = change(self, state)
        except (OSError, ValueError) as error:
            self.fail(f"cannot {name}: {error}")
        except Exception:
            self.fail(f"cannot {name}: {traceback.format_exc()}")
        else:
            self.get_logger().info(done)
            return SUCCESS
        return ERROR if self.state in HALF_DONE else FAILURE

    return callback
