"""``--ignore``, ``--occluder-only``, ``--min-score``: which masks count, and as what."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from segan_ros.masks.layering import Choice


class Named(NamedTuple):
    """What an option names: classes, and ids above 0."""

    names: frozenset[str]
    ids: frozenset[int]

    @classmethod
    def of(cls, given: Sequence[str], classes: bool = True) -> Named:
        """Numbers are ids and, where there are `classes`, names too, as some are numbers; all
        others are names."""
        numbers = {text for text in given if text.isdecimal()}
        names = frozenset(given) if classes else frozenset(given) - numbers
        return cls(names, frozenset(map(int, numbers)) - {0})


@dataclass(frozen=True)
class Roles:
    """What masks are.

    Args:
        ignored: no objects.
        occluder_only: see `Frame.occluder_only`.
        min_score: masks below it are left out.
    """

    ignored: Named
    occluder_only: Named
    min_score: float

    @property
    def choice(self) -> Choice:
        """The same for masks that have classes and scores. Ids to ignore are no part of it: see
        `Settings.ignore_ids`."""
        return Choice(
            self.ignored.names, self.min_score, self.occluder_only.names, self.occluder_only.ids
        )

    def unknown(self, classes: Collection[str]) -> Iterator[str]:
        """What is wrong with options that name none of `classes`, those of the masks; numbers may
        be ids."""
        for option, named in (("--ignore", self.ignored), ("--occluder-only", self.occluder_only)):
            missing = {n for n in named.names if not n.isdecimal()}.difference(classes)
            if missing:
                known = ", ".join(sorted(classes)) or "no classes"
                yield f"{option} names {', '.join(sorted(missing))}, but the masks have {known}"


def add_roles(parser: argparse.ArgumentParser, classes: str, scores: str) -> None:
    """The options, where `classes` and `scores` say which masks have classes and scores."""
    roles = parser.add_argument_group(f"roles of the masks, by class ({classes}) or by id")
    roles.add_argument(
        "--ignore",
        nargs="+",
        default=[],
        metavar="NAME_OR_ID",
        help="masks to leave out, such as a dining table",
    )
    roles.add_argument(
        "--occluder-only",
        nargs="+",
        default=[],
        metavar="NAME_OR_ID",
        help="masks that only occlude others, such as a hand: neither completed nor lifted",
    )
    roles.add_argument(
        "--min-score",
        type=float,
        default=0.0,
        metavar="SCORE",
        help=f"leave out masks of {scores} with a lower score (0)",
    )


def roles_of(args: argparse.Namespace, classes: str, scores: str | None = None) -> Roles:
    """What the options say; `classes` names the masks that have classes, empty if those of this
    command line do; `scores` the same of scores, None = as `classes`.

    Raises:
        ValueError: a class is named or a score given, and there are none; or a score is out of
            range.
    """
    if not 0 <= args.min_score <= 1:
        raise ValueError(f"--min-score is {args.min_score:g}; it must lie in 0..1")
    scores = classes if scores is None else scores
    if args.min_score and scores:
        raise ValueError(f"--min-score is {args.min_score:g}, but only {scores} have scores")
    ignored, occluders = (Named.of(g, not classes) for g in (args.ignore, args.occluder_only))
    roles = Roles(ignored, occluders, args.min_score)
    for option, named in (("--ignore", roles.ignored), ("--occluder-only", roles.occluder_only)):
        if named.names and classes:
            raise ValueError(
                f"{option} names {', '.join(sorted(named.names))}, but only {classes} have "
                "classes; name objects by their ids"
            )
    return roles
