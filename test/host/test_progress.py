"""Progress bars are for people who watch, not for log files."""

import io

import pytest

from segan_ros.host.progress import Progress, say


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("shown", [True, False])
def test_bars_are_shown_on_a_terminal_only(monkeypatch, shown):
    stderr = Terminal() if shown else io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    assert list(Progress(range(3), "counting", unit="scene")) == [0, 1, 2]
    with Progress(total=3, desc="by hand") as bar:
        bar.update()
        bar.set_postfix_str("1 of them", refresh=False)
    assert ("counting" in stderr.getvalue()) == shown
    assert bool(stderr.getvalue()) == shown


def test_lines_go_where_they_belong(capsys):
    say("done")
    say("failed", error=True)
    assert capsys.readouterr() == ("done\n", "failed\n")
