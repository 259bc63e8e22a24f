"""A table of numbers: rows by method, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from segan_ros.drawing.tables import markdown_table, number


@dataclass(frozen=True)
class Row:
    """One row of a table: what the method is called, and its cells by column."""

    method: str
    cells: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """One of the paper's tables.

    Args:
        name: for files, such as ``table1``.
        title: what it is about.
        columns: in order; every row has them all, NaN where there is no number.
        rows: in order.
        notes: what a reader must know.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    @property
    def header(self) -> list[str]:
        """The heading of every column."""
        return ["method", *self.columns]

    def markdown(self) -> str:
        """Heading, table, notes."""
        table = markdown_table(self.header, self.lines())
        return "\n\n".join([f"### {self.title}", table, *self.notes])

    def lines(self) -> list[list[str]]:
        """The cells of all rows under `header`."""

        def cell(value: float) -> str:
            return str(value) if isinstance(value, int) else number(value)

        return [[r.method, *(cell(r.cells[c]) for c in self.columns)] for r in self.rows]
