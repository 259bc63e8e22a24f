"""Closes `./run test`: count_tests.py FAILED_LEGS JUNIT_XML JUNIT_XML...

The first report is of all tests. The others are of tests that ran once more in another environment:
they get a line each, and into the last line, which counts each test once, come their failures only.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def count(report: Path) -> tuple[int, int, int]:
    """How many tests passed, failed and were skipped; all 0 if the report was not written."""
    suites = ElementTree.parse(report).iter("testsuite") if report.exists() else ()
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("errors", 0)) + int(suite.get("failures", 0))
        skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


failed_legs = int(sys.argv[1])
passed, failed, skipped = count(Path(sys.argv[2]))
for again in map(Path, sys.argv[3:]):
    passed_again, failed_again, _ = count(again)
    if passed_again + failed_again:  # --quick runs none of them
        print(f"{again.parent.name}: {passed_again + failed_again} of these tests again")
    failed += failed_again
# A leg may fail without a failed test: lint, types, a crash.
print(f"{passed} passed, {max(failed, failed_legs)} failed, {skipped} skipped")
