"""``--depth-scale``: the unit of integer depth, for every command that reads some."""

from __future__ import annotations

import argparse
from typing import Any

from segan_ros.depth import MILLIMETRE


def add_depth_scale(parser: Any, of_what: str) -> None:
    """Declare the option; `of_what` has the depth."""
    parser.add_argument(
        "--depth-scale",
        type=_metres,
        default=MILLIMETRE,
        metavar="METRES",
        help=f"length of one step of 16-bit depth in {of_what}; 0.0001 for tenths of a millimetre "
        "(%(default)s)",
    )


def _metres(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} m; it must lie above 0, up to 1 m")
    return value
