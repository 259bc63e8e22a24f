"""The paper's tables on a folder of scenes: `segan evaluate --tables`.

Each row is a method, with the scores of the paper's protocol beside the strict ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from segan_ros.boxes import boxes_of
from segan_ros.completion import SceneCompleter
from segan_ros.frame import CompletedScene, Frame, Mask
from segan_ros.host.progress import Progress
from segan_ros.occlusion.edges import EdgeRule, find_edges
from segan_ros.occlusion.graph import build_graph
from segan_ros.paper.album import Album
from segan_ros.paper.ibbe import by_expansion
from segan_ros.paper.protocol import (
    MaskScore,
    Pair,
    order_as_told,
    order_by_depth,
    order_by_masks,
    right_orders,
    score_mask,
    whole_masks,
)
from segan_ros.paper.refinement import refined
from segan_ros.paper.table import Row, Table
from segan_ros.scoring.metrics import NAN, SceneScore, score_scene
from segan_ros.scoring.predicted import (
    Segmenter,
    guessed_frame,
    naming,
    read_with_truth,
    without_lost,
)
from segan_ros.scoring.references import convex_hulls, from_masks, input_masks, painted_by_telea
from segan_ros.scoring.summary import mean, summarise
from segan_ros.storage.output import write_csv
from segan_ros.storage.scenes import ScenePath
from segan_ros.truth import LabelledScene

Method = Callable[[Frame], CompletedScene]
"""From a frame, whose masks may be predicted ones, to an answer."""

Painter = Callable[[Frame, CompletedScene], CompletedScene]
"""From a frame and its whole masks to these with appearances."""

OURS, NEIGHBOUR = "SeGAN", "nearest neighbour"
RAW, REFINED, AFTER = "input mask as it is", "input mask, learned refinement", f"{OURS} after it"
HULL, IBBE, TELEA = "convex hull", "IBBE", "OpenCV inpainting (Telea)"
TAKEN = (OURS, NEIGHBOUR, RAW, REFINED, AFTER, HULL, IBBE, TELEA)
"""Names of rows."""

ORDERED = (OURS, HULL, IBBE)
"""Methods that Table 5 shows."""

TOLD = f"{OURS}, learned order head"
"""Row of Table 5 for a network with a second output: which object lies in front."""

# Rows of the paper that are missing, and why.
NO_NEIGHBOUR = "No row for nearest neighbour: pass the training scenes with `--library`."
NO_REFINER = "No rows for learned refinement: train config/train/refiner.yaml and pass `--refiner`."
NO_DEPTH_NETWORK = "No row for single-image depth: no network with weights was available."


@dataclass(frozen=True)
class Others:
    """Rows beside those that are always there, by name.

    Args:
        segmentors: whose masks are scored (Table 1).
        painters: whose colours are (Table 2).
        refiner: mends visible masks (Table 1), see `refined`; or None.
    """

    segmentors: Mapping[str, SceneCompleter] = field(default_factory=dict)
    painters: Mapping[str, SceneCompleter] = field(default_factory=dict)
    refiner: SceneCompleter | None = None


@dataclass
class _Tally:
    """What is known of one method so far."""

    masks: list[MaskScore] = field(default_factory=list)
    scenes: list[SceneScore] = field(default_factory=list)
    right: int = 0
    pairs: int = 0


def fill_tables(
    completer: SceneCompleter,
    folders: Sequence[ScenePath],
    segmenter: Segmenter,
    others: Others | None = None,
    *,
    title: str = "",
    album: Album | None = None,
) -> list[Table]:
    """Tables 1, 2 and 5 over `folders`, each method with true and with predicted visible masks.

    Args:
        completer: ours.
        folders: scene folders with ground truth.
        segmenter: gives the predicted visible masks.
        others: further rows.
        title: what the scenes are, for the headings.
        album: takes pictures of what the methods make of some objects.

    Raises:
        ValueError: a scene has no ground truth.
    """
    rule, others = completer.settings.edges, others or Others()
    learned = replace(rule, rule="learned")
    asking = SceneCompleter(completer.model, replace(completer.settings, edges=learned))
    segmentors: dict[str, Method] = {
        RAW: lambda f: input_masks(f, rule),
        **_mended(others.refiner, completer),
        HULL: lambda f: convex_hulls(f, rule),
        IBBE: lambda f: by_expansion(completer, f),
        **{name: other.segment for name, other in others.segmentors.items()},
        OURS: lambda f: _with_edges(asking.segment(f), f, rule),
    }
    painters: dict[str, Painter] = {
        TELEA: painted_by_telea,
        **{name: _as_published(other).paint for name, other in others.painters.items()},
        OURS: _as_published(completer).paint,
    }
    # By row, in the order in which they are met.
    masks: defaultdict[str, _Tally] = defaultdict(_Tally)
    painted: defaultdict[str, _Tally] = defaultdict(_Tally)
    order: defaultdict[str, _Tally] = defaultdict(_Tally)
    tells = False
    for folder in Progress(folders, unit="scene"):
        with naming(folder):
            scene = read_with_truth(folder)
            labels, whole = scene.frame.labels, whole_masks(scene.trusted, scene.frame.labels)
            true_order = order_by_masks(labels, whole)
            true = replace(scene.frame, depth=None)
            guessed, _ = guessed_frame(true, segmenter(folder.name, scene))
            entry = album.entry(folder, scene) if album else None
            for setting, frame in (("predicted SV", guessed), ("true SV", true)):
                for name, segment in segmentors.items():
                    answer = segment(frame)
                    score = score_scene(scene, answer)
                    _add_masks(masks[f"{name}, {setting}"], scene, answer, score)
                    if entry:
                        entry.add_mask(f"Masks, {setting}", name, answer)
                    if name in ORDERED:
                        said = order_by_masks(frame.labels, _full_masks(answer, frame))
                        _add_order(order[f"{name}, {setting}"], true_order, said, score)
                    if name == OURS:
                        told = _with_edges(answer, frame, learned)
                        tells |= any(o.in_front is not None for o in told.objects)
                        _add_order(
                            order[f"{TOLD}, {setting}"],
                            true_order,
                            order_as_told(told.objects),
                            score_scene(scene, told),
                        )
                # An object without a mask gives a painter nothing to start from.
                shapes = {i: m for i, m in whole.items() if i in frame.object_ids}
                given = from_masks(frame, shapes, rule)
                for name, paint in painters.items():
                    answer = paint(frame, given)
                    painted[f"{name}, {setting}"].scenes.append(score_scene(scene, answer, answer))
                    if entry and frame is true:
                        entry.add_painting("Painting of true masks", name, answer)
            if scene.frame.depth is not None:
                said = order_by_depth(labels, scene.frame.depth)
                _add_order(order["mean visible depth, true depth"], true_order, said)
    ordered = {k: v for k, v in order.items() if tells or not k.startswith(TOLD)}
    tables = [_table1(masks, title, others), _table5(ordered, title)]
    if any(summarise(t.scenes).true_mask_objects for t in painted.values()):
        tables.insert(1, _table2(painted, title, others))
    return tables


def _as_published(completer: SceneCompleter) -> SceneCompleter:
    """Paints in the light of objects that were rendered alone, as Table 2 compares."""
    return SceneCompleter(completer.model, replace(completer.settings, relight=False))


def _mended(refiner: SceneCompleter | None, completer: SceneCompleter) -> dict[str, Method]:
    """Rows of masks that were mended first: these as they are, and completed by us."""
    if refiner is None:
        return {}
    return {
        REFINED: lambda f: input_masks(refined(refiner, f), completer.settings.edges),
        AFTER: lambda f: completer.segment(refined(refiner, f)),
    }


def _full_masks(answer: CompletedScene, frame: Frame) -> dict[int, Mask]:
    return {o.id: o.full_mask(frame.size) for o in answer.objects}


def _with_edges(answer: CompletedScene, frame: Frame, rule: EdgeRule) -> CompletedScene:
    """`answer` with the edges of another rule."""
    edges = find_edges(frame.labels, answer.objects, rule, frame.depth)
    return replace(answer, graph=build_graph((o.id for o in answer.objects), edges))


def _add_masks(
    tally: _Tally, scene: LabelledScene, answer: CompletedScene, score: SceneScore
) -> None:
    labels = scene.frame.labels
    found = _full_masks(answer, scene.frame)
    nothing = np.zeros(labels.shape, bool)
    shown = boxes_of(labels)
    for item in scene.trusted:
        if item.id in shown:
            guess = found.get(item.id, nothing)
            tally.masks.append(score_mask(labels == item.id, item.amodal, guess))
    tally.scenes.append(without_lost(score, found))


def _add_order(
    tally: _Tally,
    truth: Mapping[Pair, int],
    said: Mapping[Pair, int],
    score: SceneScore | None = None,
) -> None:
    right, pairs = right_orders(truth, said)
    tally.right, tally.pairs = tally.right + right, tally.pairs + pairs
    tally.scenes += [score] if score else []


def _table1(masks: Mapping[str, _Tally], title: str, others: Others) -> Table:
    rows = []
    for name, tally in masks.items():
        strict = summarise(tally.scenes)
        cells = {
            "V and I": mean(m.whole for m in tally.masks),
            "V": mean(m.visible for m in tally.masks),
            "I": mean(m.invisible for m in tally.masks),
            "SF": strict.sf,
            "SI": strict.si,
            "halluc.": strict.hallucination,
        }
        rows.append(Row(name, cells))
    note = f"""\
V and I, V, I: the paper's protocol, 58x58 pixels, all {len(tally.masks)} objects; I is 0 for an
object of which nothing is hidden. SF, SI ({strict.si_objects} objects), halluc.: strict. An object
without a predicted mask scores an empty one. IBBE is the loop of Li & Malik around our segmentor.
The paper's Multipath is what "{RAW}, predicted SV" stands for."""
    notes = (note, NO_REFINER) if others.refiner is None else (note,)
    return Table("table1", f"Table 1, segmentation{title}", tuple(cells), rows, notes)


def _table2(painted: Mapping[str, _Tally], title: str, others: Others) -> Table:
    rows = []
    for name, tally in painted.items():
        found = summarise(tally.scenes)
        cells = {
            "L1": found.true_mask_l1,
            "L2": found.true_mask_l2,
            "objects": found.true_mask_objects,
        }
        rows.append(Row(name, cells))
    note = """\
Colour difference in 0..1 inside the true hidden part, painted with the true SF; objects hidden
by 5-95 %. With predicted SV only those that have a mask can be painted: compare rows of one
setting."""
    notes = (note,) if NEIGHBOUR in others.painters else (note, NO_NEIGHBOUR)
    return Table("table2", f"Table 2, painting{title}", tuple(cells), rows, notes)


def _table5(order: Mapping[str, _Tally], title: str) -> Table:
    rows = []
    pairs = max((tally.pairs for tally in order.values()), default=0)
    for name, tally in order.items():
        cells = {
            "pairs": tally.pairs,
            "accuracy, %": 100 * tally.right / tally.pairs if tally.pairs else NAN,
            "strict order": summarise(tally.scenes).order_accuracy if tally.scenes else NAN,
        }
        rows.append(Row(name, cells))
    note = f"""\
Accuracy: of the {pairs} pairs (by depth: of those in scenes that have it) in which the IoU of
one's visible mask and the other's true hidden part is above 0.05, the share that is put in the
right order by the same overlaps of predicted masks, by the learned order head, or by depth. Strict
order: by our own edge rule (learned order head: edge_rule learned), pairs that cover 1 % and 20
pixels."""
    title = f"Table 5, depth ordering{title}"
    return Table("table5", title, tuple(cells), rows, (note, NO_DEPTH_NETWORK))


def write_tables(out: Path, tables: Sequence[Table], text: str) -> None:
    """Write ``tables.md`` and one CSV a table into `out`."""
    (out / "tables.md").write_text(text + "\n")
    for table in tables:
        write_csv(out / f"{table.name}.csv", [{"method": r.method, **r.cells} for r in table.rows])
