"""`segan COMMAND ...`: finds the command, and says in one line what a user got wrong."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from segan_ros.host.resources import version

# The module of a command has its name (`import`, a keyword: import_scenes), and in it
# add_arguments(parser) and run(args) -> exit code. It is imported when its command is called, and
# imports torch in run(): neither `segan complete` nor `segan train --help` must need it.
COMMANDS = {
    "complete": "complete the objects of a photo, or of a folder of scenes",
    "replay": "run a recorded bag through the method or the real node, and score the answers",
    "evaluate": "score a model on scenes with ground truth",
    "bench": "measure how long a model's networks take",
    "import": "convert DYCE or COCO-amodal annotations into scenes",
    "assets": "download and prepare real meshes for `segan generate`",
    "generate": "render scenes of cluttered tabletops with ground truth",
    "collage": "compose scenes with ground truth from photographed objects",
    "inspect": "make a contact sheet and histograms of scenes",
    "study": "compare completions in a blind study with people",
    "pack": "pack scenes into one file for training on a GPU",
    "train": "train a model on scenes",
    "export": "convert a trained checkpoint into a model folder (ONNX)",
    "quantise": "add 8-bit networks to a model folder",
}

MODULE_OF = {"import": "import_scenes"}

# What `pip install segan_ros` leaves out, and the extra that brings it.
EXTRA_OF = {
    "coacd": "train",
    "fast_simplification": "train",
    "mujoco": "train",
    "onnx": "train",
    "onnxruntime": "cpu",
    "onnxscript": "train",
    "pycocotools": "coco",
    "ray": "ray",
    "tensorboard": "train",
    "torch": "train",
    "torchvision": "train",
}

# What `pip install segan_ros` brings, unless told not to: module, and what pip calls it.
PIP_NAME_OF = {
    "cv2": "opencv-python-headless",
    "jinja2": "jinja2",
    "networkx": "networkx",
    "numpy": "numpy",
    "rosbags": "rosbags",
    "scipy": "scipy",
    "tqdm": "tqdm",
    "transforms3d": "transforms3d",
    "yaml": "pyyaml",
}


class _Warnings(logging.Handler):
    """Warnings of every room as lines like those of errors."""

    def emit(self, record: logging.LogRecord) -> None:
        from segan_ros.host.progress import say

        say(f"segan: {record.levelname.lower()}: {record.getMessage()}", error=True)


_WARNINGS = _Warnings(logging.WARNING)


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    logging.getLogger().addHandler(_WARNINGS)
    command = next((word for word in argv if not word.startswith("-")), "")
    try:
        args = _parser(command).parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at exit
        return 141
    except (ImportError, OSError, ValueError) as error:
        if "--debug" in argv or (message := _message(command, error)) is None:
            raise
        print(f"segan: error: {message}", file=sys.stderr)
        return 2


def _parser(command: str) -> argparse.ArgumentParser:
    """The parser of everything; only `command` is imported and has its arguments filled in."""
    parser = argparse.ArgumentParser(
        prog="segan",
        description="Completes partly hidden objects and says what occludes what.",
        epilog="`segan COMMAND --help` lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"segan {version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        if name == command:
            module = import_module(f"segan_ros.commands.{MODULE_OF.get(name, name)}")
            module.add_arguments(subparser)
            subparser.add_argument(
                "--debug", action="store_true", help="show the traceback of an error"
            )
            subparser.set_defaults(run=module.run)
    return parser


def _message(command: str, error: Exception) -> str | None:
    """What to tell the user; None if the error is ours."""
    if isinstance(error, ImportError):
        module = error.name or ""
        package = module.partition(".")[0]
        if package == "rclpy":
            return f"`segan {command}` needs ROS 2: source its setup file, or use ./run"
        if extra := EXTRA_OF.get(package):
            return f"`segan {command}` needs {package}: pip install '.[{extra}]' in a clone"
        for needed in (module, package):
            if name := PIP_NAME_OF.get(needed):
                return f"`segan {command}` needs {needed}: pip install {name}"
        return None
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
