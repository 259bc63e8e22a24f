"""`segan generate`: labelled tabletop scenes, the same from a seed on any number of workers.

Splits never share a random stream. All draw from the families of `families.TRAIN`; of the objects
of a validation or test scene, four in ten come from families that no other split has.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path

import cv2
from tqdm import tqdm

from segan_ros.scenes import write_scene
from segan_ros.synthesis.bag import write_bag
from segan_ros.synthesis.piles import VERSION, VIEWS, Job, heap
from segan_ros.synthesis.views import Rejected


def parse_size(text: str) -> tuple[int, int]:
    """``"320x240"`` as (height, width). Raises ValueError when it is not that, or out of range."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError(f"--size is {text!r}; write it as WIDTHxHEIGHT, for instance 320x240")
    size = int(height), int(width)
    if not all(64 <= side <= 2048 for side in size):
        raise ValueError(f"--size is {text}; each side must lie in 64..2048 pixels")
    return size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan generate`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, metavar="DIR", help="write scene folders into DIR")
    what.add_argument("--bag", type=Path, help="write a bag: a new folder, or a new .mcap file")
    parser.add_argument("--scenes", type=int, default=100, metavar="N", help="how many (100)")
    parser.add_argument("--split", default="train", help="train, val or test (train)")
    parser.add_argument("--workers", type=int, default=0, metavar="W", help="processes (all cores)")
    parser.add_argument("--frames", type=int, default=15, help="of the bag (15)")
    parser.add_argument("--rate", type=float, default=2.0, metavar="HZ", help="of the bag (2)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (0)")
    parser.add_argument("--size", metavar="WxH", help="pixels (320x240; bag: 640x480)")


def run(args: argparse.Namespace) -> int:
    """Generate the scenes that are not there yet, or a bag."""
    size = parse_size(args.size or ("640x480" if args.bag else "320x240"))
    if args.bag:
        write_bag(args.bag, args.seed, size, args.frames, args.rate)
        print(f"{args.bag}: {args.frames} frames at {args.rate:g} Hz")
        return 0
    if args.workers < 0:
        raise ValueError(f"--workers is {args.workers}; give 1 or more, or 0 for one per core")
    job = Job(args.split, args.seed, size, args.scenes)
    rejected = generate(job, args.out, args.workers or os.cpu_count() or 1)
    print(f"{args.out}: {job.scenes} {job.split} scenes of seed {job.seed}")
    for reason, count in rejected.most_common():
        print(f"  rejected {count} piles: {reason}")
    return 0


def generate(job: Job, out: Path, workers: int) -> Counter[str]:
    """Write the scenes of `job` that `out` lacks; returns how many piles were rejected, and why.

    Raises:
        ValueError: `out` holds scenes of another job, or there is too little space.
        OSError: `out` cannot be written.
    """
    _claim(job, out)
    piles = [p for p in range(-(-job.scenes // VIEWS)) if _missing(job, out, p)]
    missing = sum(len(_missing(job, out, p)) for p in piles)
    rejected: Counter[str] = Counter()
    with tqdm(total=job.scenes, initial=job.scenes - missing, unit="scene", smoothing=0.05) as bar:
        for written, reasons in _work(job, out, piles, workers):
            bar.update(written)
            rejected.update(reasons)
    return rejected


def make_pile(job: Job, out: Path, pile: int) -> tuple[int, list[str]]:
    """Write the missing scenes of one pile; returns how many, and why earlier attempts failed."""
    wanted = _missing(job, out, pile)
    reasons: list[str] = []
    for attempt in range(100):
        try:
            scenes = heap(job, pile, attempt)
        except Rejected as reason:
            reasons.append(str(reason))
            continue
        for index in wanted:
            write_scene(out / _name(index), scenes[index % VIEWS])
        return len(wanted), reasons
    raise RuntimeError(f"pile {pile}: 100 attempts failed: {Counter(reasons).most_common(3)}")


def _work(job: Job, out: Path, piles: list[int], workers: int) -> Iterator[tuple[int, list[str]]]:
    """Results of all piles; a killed worker's piles are done again."""
    if workers == 1:
        yield from (make_pile(job, out, p) for p in piles)
        return
    deaths = 0
    while piles:
        done = set()
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _prepare_worker)
        try:
            waiting = {pool.submit(make_pile, job, out, p): p for p in piles}
            for future in as_completed(waiting):
                result = future.result()
                done.add(waiting[future])
                yield result
        except BrokenProcessPool:
            deaths = 1 if done else deaths + 1
            if deaths == 3:
                raise RuntimeError(
                    "workers die before they finish a pile; out of memory? try --workers 1"
                ) from None
        finally:
            pool.shutdown(cancel_futures=True)
        piles = [p for p in piles if p not in done]


def _prepare_worker() -> None:
    """One core per worker, and no worker without its parent."""
    os.environ.setdefault("LP_NUM_THREADS", "1")  # of OSMesa
    cv2.setNumThreads(1)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _missing(job: Job, out: Path, pile: int) -> list[int]:
    """Scene numbers of a pile that are not there yet."""
    numbers = range(pile * VIEWS, min((pile + 1) * VIEWS, job.scenes))
    return [i for i in numbers if not (out / _name(i)).exists()]


def _name(index: int) -> str:
    return f"{index:06d}"


def _claim(job: Job, out: Path) -> None:
    """Check that `out` is ours to go on with, and note what it holds."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: a file is in the way; --out names a folder")
    out.mkdir(parents=True, exist_ok=True)
    identity = {"version": VERSION, "split": job.split, "seed": job.seed, "size": list(job.size)}
    note = out / "generate.json"
    if note.exists():
        held = json.loads(note.read_text())
        if held != identity:
            raise ValueError(f"{out}: holds {held}, not {identity}; choose another --out")
    elif any(out.iterdir()):
        raise ValueError(f"{out}: not empty, and not by `segan generate`; choose another --out")
    else:
        note.write_text(json.dumps(identity))
    lacking = job.scenes - sum(path.name.isdecimal() for path in out.iterdir())
    needed = lacking * job.size[0] * job.size[1] * 4
    if shutil.disk_usage(out).free < needed:
        raise ValueError(f"{out}: {lacking} scenes need about {needed / 1e9:.1f} GB of free disk")
    for part in out.glob(".*.part"):
        shutil.rmtree(part)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(_parser)
    _args = _parser.parse_args()
    raise SystemExit(run(_args))
