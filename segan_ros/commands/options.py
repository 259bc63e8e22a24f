"""Options that several commands share: each is declared once and means the same everywhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from segan_ros.depth import MILLIMETRE
from segan_ros.runtime.model import PRECISIONS, PROVIDERS, Model, load_model

Options = argparse.ArgumentParser | argparse._ArgumentGroup


def add_model(parser: Options) -> None:
    """``--model`` and ``--provider``."""
    parser.add_argument(
        "--model", default="tabletop", help="name of a shipped model or a model folder (tabletop)"
    )
    parser.add_argument(
        "--provider",
        default="auto",
        choices=["auto", *PROVIDERS],
        help="what runs the networks (auto: the fastest that works here)",
    )


def add_precision(parser: Options) -> None:
    """``--precision``, for where it must be exact."""
    parser.add_argument(
        "--precision",
        default="auto",
        choices=PRECISIONS,
        help="precision of the networks (auto: the best for the provider)",
    )


def open_model(args: argparse.Namespace, model: str = "") -> Model:
    """The model that ``--model`` names, or another, as the options above say.

    Raises:
        ModelError: it cannot be used, or not at the precision that was asked for.
    """
    precision = getattr(args, "precision", "auto")
    opened = load_model(model or args.model, args.provider, precision=precision)
    opened.require(precision)
    return opened


def add_scenes(parser: Options, purpose: str, required: bool = False) -> None:
    """``--scenes``, as every reader of scenes takes them."""
    parser.add_argument(
        "--scenes",
        type=Path,
        required=required,
        metavar="DIR",
        help=f"{purpose}: a folder of scene folders or shards (*.tar), or a single one",
    )


def add_out(parser: Options, purpose: str, required: bool = False) -> None:
    """``--out``, a folder that is made where it is missing."""
    parser.add_argument("--out", type=Path, required=required, metavar="DIR", help=purpose)


def add_depth_scale(parser: Options, source: str) -> None:
    """``--depth-scale``, the unit of the integer depth in `source`."""
    parser.add_argument(
        "--depth-scale",
        type=_metres,
        default=MILLIMETRE,
        metavar="METRES",
        help=f"metres per unit of 16-bit depth in {source}; 0.0001 for tenths of a millimetre "
        "(%(default)s)",
    )


def _metres(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} m; it must be above 0 m and at most 1 m")
    return value


def at_least(args: argparse.Namespace, **least: int) -> None:
    """Refuse options below their least value; those that were not given pass.

    Raises:
        ValueError: naming the option, its value and the limit.
    """
    for name, limit in least.items():
        value = getattr(args, name)
        if value is not None and value < limit:
            raise ValueError(f"--{name.replace('_', '-')} is {value}; it must be at least {limit}")
