"""Amodal completion and occlusion graph for robotic manipulation."""

# The generated msg and srv live in the install prefix, the rest may come from a source tree.
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
