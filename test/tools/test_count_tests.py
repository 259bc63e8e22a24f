"""The line that closes `./run test`."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "tools" / "count_tests.py"


def report(folder, tests, failures=0, errors=0, skipped=0):
    folder.mkdir()
    counts = f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    (folder / "pytest.xml").write_text(f"<testsuites><testsuite {counts}/></testsuites>")
    return folder / "pytest.xml"


def printed(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_tests_that_run_again_are_counted_once(tmp_path):
    first = report(tmp_path / "first", 10, skipped=1)
    again = report(tmp_path / "again", 6, skipped=2)
    assert printed(0, first, again) == [
        "again: 4 of these tests again",
        "9 passed, 0 failed, 1 skipped",
    ]


def test_failure_of_any_environment_counts(tmp_path):
    first = report(tmp_path / "first", 10, failures=1)
    again = report(tmp_path / "again", 6, errors=1)
    assert printed(2, first, again)[-1] == "9 passed, 2 failed, 0 skipped"


def test_leg_that_fails_without_a_failed_test_counts(tmp_path):
    first = report(tmp_path / "first", 10)
    assert printed(1, first, tmp_path / "not_written.xml")[-1] == "10 passed, 1 failed, 0 skipped"
