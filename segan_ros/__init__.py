"""Amodal completion and occlusion graph for robotic manipulation.

From a picture and the visible masks of its objects: each whole mask, what the hidden parts look
like, what occludes what, and what to lift first.

    import cv2
    from segan_ros import Frame, SceneCompleter, load_model

    rgb = cv2.cvtColor(cv2.imread("rgb.png"), cv2.COLOR_BGR2RGB)  # (H, W, 3) uint8
    labels = cv2.imread("labels.png", cv2.IMREAD_UNCHANGED)  # (H, W), 0 is background
    completer = SceneCompleter(load_model("tabletop"))
    scene = completer.complete(Frame.from_arrays(rgb, labels))

    scene.graph.removal_order  # ids, front to back
    for item in scene.objects:
        item.id, item.box  # x0, y0, x1, y1: the part of the image that the arrays cover
        item.amodal, item.visible, item.invisible  # (h, w) bool
        item.appearance  # (h, w, 3) uint8 RGB, meaningful inside item.amodal

`SceneCompleter.segment` stops before the painter, `SceneCompleter.paint` goes on from there.
`Settings` and `EdgeRule` hold what can be tuned.
"""

# The generated msg and srv live in the install prefix, the rest may come from a source tree.
from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

__path__ = extend_path(__path__, __name__)

if TYPE_CHECKING:
    from segan_ros.completion import SceneCompleter, Settings, TooManyObjectsError
    from segan_ros.frame import (
        AmodalObject,
        CompletedScene,
        Evidence,
        Frame,
        OcclusionEdge,
        OcclusionGraph,
    )
    from segan_ros.masks.detections import frame_from_detections, to_detections
    from segan_ros.occlusion.edges import EdgeRule
    from segan_ros.runtime.model import Model, load_model
    from segan_ros.runtime.spec import ModelError

    __version__: str

__all__ = [
    "AmodalObject",
    "CompletedScene",
    "EdgeRule",
    "Evidence",
    "Frame",
    "Model",
    "ModelError",
    "OcclusionEdge",
    "OcclusionGraph",
    "SceneCompleter",
    "Settings",
    "TooManyObjectsError",
    "__version__",
    "frame_from_detections",
    "load_model",
    "to_detections",
]

_HOMES = {
    "completion": ("SceneCompleter", "Settings", "TooManyObjectsError"),
    "frame": (
        "AmodalObject",
        "CompletedScene",
        "Evidence",
        "Frame",
        "OcclusionEdge",
        "OcclusionGraph",
    ),
    "masks.detections": ("frame_from_detections", "to_detections"),
    "occlusion.edges": ("EdgeRule",),
    "runtime.model": ("Model", "load_model"),
    "runtime.spec": ("ModelError",),
}
"""Where each public name lives: imported when it is first asked for, so that what needs neither
networks nor OpenCV does without them."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from segan_ros.host.resources import version

        return version()
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
