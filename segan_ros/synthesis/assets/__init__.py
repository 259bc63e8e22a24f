"""Real things for the tabletop: meshes and surfaces of packages that `segan assets` fetches."""

from segan_ros.synthesis.assets.store import digest, load_objects, load_surfaces

__all__ = ["digest", "load_objects", "load_surfaces"]
