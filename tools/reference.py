"""Reference tables made from the code: parameters, launch arguments, commands, messages, rooms.

Tables between marks (``<!-- parameters -->`` ... ``<!-- /parameters -->``) are kept in the pages,
so that they can be read in a plain checkout: ``python tools/reference.py`` brings them up to date,
a test says when they differ. The long ones are put in their places when the site is built.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def parameters() -> str:
    """Every parameter of the node."""
    from segan_ros.ros.parameters import PARAMETERS

    return _parameters(PARAMETERS)


def depth_parameters() -> str:
    """Every parameter that the node depth_segmenter alone has."""
    from segan_ros.ros.depth_parameters import OWN

    return _parameters(OWN)


def _parameters(declared: Iterable[Any]) -> str:
    return _table(
        ("Name", "Type", "Default", "Range", "Changes", ""),
        [
            (f"`{p.name}`", p.type_name, f"`{p.default_text}`", p.range_text, p.changes, p.text)
            for p in declared
        ],
    )


def launch_arguments() -> str:
    """Every argument of the launch file, read without `launch`, which wheels do not have."""
    tree = ast.parse((ROOT / "launch" / "segan.launch.py").read_text())
    (declared,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARGUMENTS"
    )
    assert isinstance(declared, ast.Dict)
    rows = []
    for name, value in zip(declared.keys, declared.values, strict=True):
        assert name is not None and isinstance(value, ast.Tuple)
        default, text = value.elts
        # A path is written SHARE / "config" / "segan.yaml": the walk meets its last part first.
        parts = [str(n.value) for n in ast.walk(default) if isinstance(n, ast.Constant)]
        shown = f"`{'/'.join(reversed(parts))}`" if any(parts) else ""
        rows.append((f"`{ast.literal_eval(name)}`", shown, ast.literal_eval(text)))
    return _table(("Argument", "Default", ""), rows)


KEPT = {
    "parameters": ("parameters.md", parameters),
    "depth segmenter": ("segmenters.md", depth_parameters),
    "launch arguments": ("robot.md", launch_arguments),
}
"""Tables that pages keep between marks: page, and what makes it."""


def commands() -> str:
    """Every `segan` command with its options."""
    from segan_ros.commands.main import COMMANDS, MODULE_OF

    parts = []
    for name, summary in COMMANDS.items():
        parser = argparse.ArgumentParser(prog=f"segan {name}", add_help=False)
        import_module(f"segan_ros.commands.{MODULE_OF.get(name, name)}").add_arguments(parser)
        parts += [f"## segan {name}", f"{summary[0].upper()}{summary[1:]}.", *_options(parser)]
    return "\n\n".join(parts)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if a.help != argparse.SUPPRESS]
        nested = [a for a in actions if isinstance(a, argparse._SubParsersAction)]
        rows = [(_spelling(a), _meaning(a)) for a in actions if a not in nested]
        if rows:
            if group.title not in ("positional arguments", "options", "optional arguments"):
                yield f"*{group.title}*"
            yield _table(("Option", ""), rows)
        for action in nested:
            for chosen in action._choices_actions:
                yield f"### {parser.prog} {chosen.dest}"
                yield f"{chosen.help}."
                yield from _options(action.choices[chosen.dest])


def _spelling(action: argparse.Action) -> str:
    value = str(action.metavar or ("VALUE" if action.choices else action.dest.upper()))
    names = ", ".join(action.option_strings)
    if not names:
        return f"`{value}`"
    if action.nargs == 0:
        return f"`{names}`"
    return f"`{names} [{value}]`" if action.nargs == "?" else f"`{names} {value}`"


def _meaning(action: argparse.Action) -> str:
    facts = [(action.help or "") % vars(action)]  # as argparse itself fills in %(default)s
    if action.choices:
        facts.append(f"one of {', '.join(map(str, action.choices))}")
    if action.required and action.option_strings:
        facts.append("**required**")
    return _cell("; ".join(filter(None, facts)))


def messages() -> str:
    """Every message and service as its file has it."""
    parts = []
    for kind in ("msg", "srv"):
        for path in sorted((ROOT / kind).glob(f"*.{kind}")):
            parts += [
                f"## {path.stem}",
                f'```text title="{kind}/{path.name}"\n{path.read_text()}```',
            ]
    return "\n\n".join(parts)


def house() -> str:
    """The rooms of the package by floor, the top one first, as its import contract orders them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    floors = [re.split(r"\s*[|:]\s*", layer) for layer in layers]
    return "\n".join(
        f'<div class="floor">{"".join(map(_room, rooms))}</div>' for rooms in floors
    ).join(('<div class="house">\n', "\n</div>"))


def _room(name: str) -> str:
    path = ROOT / "segan_ros" / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = (ast.get_docstring(ast.parse(source.read_text())) or "").partition("\n\n")[0]
    shown = f"{name}/" if path.is_dir() else f"{name}.py"
    return f"<div><strong>{shown}</strong> {_inline(' '.join(text.split()))}</div>"


MADE = {"commands": commands, "messages": messages, "house": house}
"""What is put in place of ``<!-- name -->`` when the site is built."""


def between(name: str) -> re.Pattern[str]:
    """Finds what stands between the marks of a kept table."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


def brought_up_to_date(text: str, name: str) -> str:
    """The text of a page with its table as the code has it now."""
    new, count = between(name).subn(lambda _: KEPT[name][1]() + "\n", text)
    if count != 1:
        raise ValueError(f"<!-- {name} --> and <!-- /{name} --> must stand in the page once")
    return new


def _table(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def main() -> int:
    for name, (page, _) in KEPT.items():
        path = DOCS / page
        path.write_text(brought_up_to_date(path.read_text(), name))
        print(f"{path.relative_to(ROOT)}: {name}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    raise SystemExit(main())
