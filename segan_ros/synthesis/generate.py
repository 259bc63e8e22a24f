"""Labelled tabletop scenes, the same from a seed on any number of workers.

Splits never share a random stream, so the same seed gives each of them other piles. Workers make
piles and send back the files of their scenes; this process alone writes, in order. So a killed
worker, or machine, leaves nothing half written, and workers need no shared disk.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

from segan_ros.host.progress import Progress
from segan_ros.synthesis.folder import SceneFolders, Shards, Store, check_space, claimed
from segan_ros.synthesis.piles import Job
from segan_ros.synthesis.tasks import MakePile, identity_of
from segan_ros.synthesis.workforce import Workforce


def generate(job: Job, out: Path, workforce: Workforce, per_shard: int = 0) -> Counter[str]:
    """Write the scenes of `job` that `out` lacks.

    Args:
        job: what to make.
        out: where to; made if needed.
        workforce: who works.
        per_shard: scenes in a tar file; 0 for a folder per scene.

    Returns:
        How many piles were rejected, by reason.

    Raises:
        ValueError: `out` holds scenes of another job, or there is too little space.
        OSError: `out` cannot be written, or workers die again and again.
    """
    identity = identity_of(job)
    rejected: Counter[str] = Counter()
    with claimed(out, {**identity, "scenes_per_shard": per_shard}):
        store: Store = SceneFolders(out, job.scenes)
        if per_shard:
            store = Shards(out, job.scenes, per_shard, job.split)
        check_space(out, job.scenes - store.held(), job.size, loose=not per_shard)
        missing = store.missing()
        bar = Progress(
            total=job.scenes, initial=job.scenes - len(missing), unit="scene", smoothing=0.05
        )
        with closing(store), bar:
            objects, wanted = 0, set(missing)
            piles = sorted({number // job.views for number in missing})
            for pile, made in workforce.in_order(MakePile(job, identity), piles):
                rejected.update(made.rejected)
                for number, files in enumerate(made.scenes, pile * job.views):
                    if number in wanted:
                        store.add(number, files)
                        objects += made.objects[number % job.views]
                        bar.update()
                elapsed = bar.format_dict["elapsed"]
                bar.set_postfix_str(f"{objects / max(elapsed, 1e-3):.1f} objects/s", refresh=False)
    return rejected
