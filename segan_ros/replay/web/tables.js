"use strict";
// The tables: objects of a frame, scores of the run, the difference to an earlier one.

function table(header, rows) {
  return make("table", {}, make("thead", {}, make("tr", {}, ...header.map((h) =>
    make("th", {}, h)))), make("tbody", {}, ...rows));
}

const cells = (values) => values.map((v) => make("td", {}, v));

function drawObjects(frame, scene) {
  const then = earlier[state.frame], wasOf = new Map(then ? then.objects.map((o) => [o.id, o]) : []);
  const colours = new Map(scene ? scene.objects.map((o) => [o.id, o.colour]) : []);
  const truth = frame.objects.some((o) => "sf" in o);
  const pair = truth && then, layer = (o) => (pair ? [] : [o.layer]);
  const header = ["object", ...(pair ? [] : ["layer"]), "hidden", ...(truth ? ["true hidden", "SF", "SI"] : ["score"]),
    ...(pair ? ["SI ±"] : [])];
  const value = (o) => (truth && known(o.si) ? o.si : 2 - o.occlusion_ratio);
  const rows = [...frame.objects].sort((a, b) => value(a) - value(b)).map((o) => {
    const was = wasOf.get(o.id), delta = was ? difference(o.si, was.si) : null;
    return make("tr", {
      class: o.id === state.chosen ? "hot" : null, "data-id": o.id,
      onclick: () => chooseObject(o.id)},
    make("td", {}, make("button", {"data-key": `object ${o.id}`, "aria-pressed": o.id === state.chosen},
      make("i", {style: `background:${colours.get(o.id) || "none"}`}),
      `${o.id}${o.name ? ` ${o.name}` : ""}`)),
    ...cells([...layer(o), percent(o.occlusion_ratio),
      ...(truth ? [percent(o.true_occlusion), show(o.sf, 2), show(o.si, 2)] : [show(o.score, 2)])]),
    pair ? make("td", {class: trend(delta)}, signed(delta, 2)) : null);
  });
  $("objects").replaceWith(Object.assign(table(header, rows), {id: "objects"}));
}

/** What else is to be said of a frame. */
function notes(frame) {
  if (!frame.answer) return [`Unanswered: ${frame.problem}.`];
  const step = frame.steps.segan, lines = [];
  if (!step) return lines;
  lines.push(`Since the frame before: whole masks IoU ${show(step.whole_iou)}, visible ones `
    + `${show(step.visible_iou)}; ${step.changed} of ${step.edges} edges changed; the camera `
    + (step.still ? "was static." : "moved."));
  if (step.removed.length) lines.push(`Removed: ${step.removed.join(", ")}.`);
  const shown = step.revealed.map((r) =>
    `${r.object_id} behind ${r.removed_id} (IoU ${show(r.iou, 2)}, ${r.actual} pixels)`);
  if (shown.length) lines.push(`Revealed: ${shown.join(", ")}.`);
  return lines;
}

const SCORES = [
  ["SF", "sf", 1], ["SI", "si", 1], ["halluc.", "hallucination", -1],
  ["order", "order_accuracy", 1], ["edge P", "edge_precision", 1], ["edge R", "edge_recall", 1],
  ["edge F1", "edge_f1", 1]];
const STEPS = [
  ["whole IoU", "whole_iou"], ["visible IoU", "visible_iou"], ["edges changed", "edge_changes"],
  ["revealed IoU", "revealed_iou"], ["revealed recall", "revealed_recall"],
  ["revealed precision", "revealed_precision"], ["revealed edges", "revealed_edges"], ["paint L1", "revealed_l1"]];

function methodTable(all, methods) {
  const columns = all.filter(([, name]) => Object.values(methods).some((m) => known(m[name])));
  return table(["", ...columns.map(([title]) => title)],
    Object.entries(methods).map(([method, values]) => make("tr", {},
      ...cells([method, ...columns.map(([, name]) => show(values[name]))]))));
}

function drawDetails() {
  const parts = [], {scores, steps} = run.summary;
  if (against) parts.push(comparison());
  if (scores.segan) {
    const s = scores.segan;
    parts.push([make("h3", {}, "Scores, with references"), methodTable(SCORES, scores),
      make("p", {}, `${s.objects} objects in ${s.scenes} frames: ${s.si_objects} hidden by 5 – 95 % `
        + `(SI), ${s.unoccluded_objects} unoccluded (halluc.), ${s.true_edges} true edges.`)]);
  }
  if (steps.segan) {
    const s = steps.segan, still = `The camera was static in ${s.still_steps} of ${s.steps} steps`;
    parts.push([make("h3", {}, "Frame to frame, without ground truth"),
      methodTable(STEPS, steps), make("p", {}, s.still_steps
        ? `${still}; ${s.revealed} objects came into view when another was removed.`
        : `${still}: revealed parts cannot be measured, and stability must be compared with `
          + "that of the visible masks.")]);
  }
  $("details").replaceChildren(...parts.map((part) => make("div", {}, ...part)));
}

function comparison() {
  const now = run.summary.scores.segan || {};
  const then = against.run.summary.scores.segan || {};
  const rows = SCORES.map(([title, name, better]) => {
    const delta = difference(now[name], then[name]);
    return make("tr", {}, ...cells([title, show(now[name]), show(then[name])]),
      make("td", {class: trend(delta, better)}, signed(delta)));
  });
  const changes = [...frames.keys()].map(change).filter(known);
  const fell = changes.filter((d) => d < -0.005).length;
  const rose = changes.filter((d) => d > 0.005).length;
  const alone = earlier.filter((f) => !f).length;
  const unlike = frames.length - alone - changes.length;
  return [make("h3", {}, "Compared with the earlier run"),
    table(["", "this run", "earlier run", "difference"], rows),
    make("p", {}, `${fell} frames are worse, ${rose} better, ${changes.length - fell - rose} `
      + `the same${alone ? `; ${alone} are not in the earlier run` : ""}`
      + `${unlike ? `; ${unlike} have no score to compare` : ""}.`)];
}
