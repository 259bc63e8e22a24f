"""`segan replay --live` as a process of its own."""

import subprocess
import sys


def live_command(*arguments: object) -> list[str]:
    """For a process of its own: the transport profile is read once per process."""
    code = "import sys; from segan_ros.commands.main import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", code, "replay", "--live", *map(str, arguments)]


def replay_live(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = live_command(*arguments)
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
