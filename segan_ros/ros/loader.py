"""The model that the parameters name, loaded at once, or anew while the old one serves."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from segan_ros.ros.answers import Completion
from segan_ros.ros.live_parameters import LiveParameters
from segan_ros.runtime.engines import Engines
from segan_ros.runtime.model import Model, model_folder

_LIBC = ctypes.CDLL(None)


class Busy(RuntimeError):
    """A model is being loaded already."""


LoadModel = Callable[[Mapping[str, Any]], Model]
"""Makes the model that the values of the parameters name."""


def load_model(values: Mapping[str, Any]) -> Model:
    """The model on disk; engines that it needs are built in the background.

    Raises:
        ModelError, OSError: it cannot be used.
    """
    return Model(
        model_folder(values["model"]),
        values["provider"],
        values["threads"],
        values["precision"],
        engines=Engines(values["engine_cache"], background=True),
    )


class Loader:
    """Loads models.

    Args:
        parameters: which model, and what runs it; no request names a path.
        load_model: makes the model of their values.
    """

    def __init__(self, parameters: LiveParameters, load_model: LoadModel = load_model) -> None:
        self._parameters, self._load_model = parameters, load_model
        self._thread: threading.Thread | None = None
        self._retired: weakref.ref[Completion] | None = None

    def load(self) -> Completion:
        """A model that was checked and has run once.

        Loaded in a thread of its own, as `begin` does: while this one waits, signals are heard.

        Raises:
            ModelError, OSError: it cannot be used.
            Busy: one is being loaded.
        """
        try:
            return self.begin().result()
        finally:
            self.wait()

    def _load(self) -> Completion:
        return Completion(self._load_model(self._parameters.values))

    def begin(self) -> Future[Completion]:
        """Begin to load a model; the future gives what `load` gives.

        Raises:
            Busy: one is being loaded.
        """
        if self._thread is not None and self._thread.is_alive():
            raise Busy("a model is already being loaded; try again later")
        future: Future[Completion] = Future()
        self._thread = threading.Thread(
            target=_fulfil, args=(self._load, future), name="segan loader", daemon=True
        )
        self._thread.start()
        return future

    def retire(self, completion: Completion) -> None:
        """Its networks are no longer wanted; a frame in work may still need them."""
        completion.model.close()
        self._retired = weakref.ref(completion)

    def tidy(self) -> None:
        """Give the memory of retired networks back to the system once they are no longer used."""
        if self._retired is not None and self._retired() is None:
            self._retired = None
            trim_memory()

    def wait(self) -> None:
        """Return when no model is being loaded."""
        if self._thread is not None:
            self._thread.join()


def _fulfil(load: Callable[[], Completion], future: Future[Completion]) -> None:
    try:
        future.set_result(load())
    except Exception as error:
        future.set_exception(error)


def trim_memory() -> None:
    """Give memory that was freed back to the system.

    The C library would keep it, in pieces that the next networks do not fit into.
    """
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
