"use strict";
// The page: what is chosen, what is shown of it, mouse and keys.

const DATA = JSON.parse(document.getElementById("data").textContent);
const {run, against, pictures} = DATA, frames = run.frames;
const byStamp = new Map(against ? against.run.frames.map((f) => [f.stamp, f]) : []);
const earlier = frames.map((f) => byStamp.get(f.stamp));
const latency = (timings) => new Map((timings ? timings.frames : []).map((f) => [f.index, f.latency_ms]));
const times = latency(DATA.timings), timesThen = latency(against && against.timings);
const seconds = frames.map((f) => (f.stamp - frames[0].stamp) / 1e9);
const scored = "segan" in run.summary.scores, stepped = "segan" in run.summary.steps;
const withTruth = Object.values(pictures).some(
  (p) => p.scenes.some((s) => s && s.objects.some((o) => "truth" in o)));
const $ = (id) => document.getElementById(id);

const METRICS = [
  ["SI", (f, m) => f[m].si, scored], ["SF", (f, m) => f[m].sf, scored],
  ["order", (f, m) => f[m].order_accuracy, scored], ["edge F1", (f, m) => f[m].edge_f1, scored],
  ["stability", (f, m) => {
    const step = f.steps.segan;
    return step && (m === "convex hull" ? step.visible_iou : step.whole_iou);
  }, stepped],
].filter(([, , there]) => there);

// With truth and without it a frame's score measures two things.
const withScores = (f) => "sf" in f.segan;
const change = (i) => {
  const now = frames[i], then = earlier[i];
  const alike = then && (!now.answer || !then.answer || withScores(now) === withScores(then));
  return alike ? difference(now.frame_score, then.frame_score) : null;
};
const order = (key) => [...frames.keys()].sort((a, b) =>
  (known(key(a)) ? key(a) : 1e9) - (known(key(b)) ? key(b) : 1e9) || a - b);
const SORTS = {
  ...(against ? {"regressed": order(change)} : {}),
  "worst": order((i) => known(frames[i].frame_score) && frames[i].answer && !withScores(frames[i])
    ? frames[i].frame_score + 2 : frames[i].frame_score), // after those with truth
  "time": [...frames.keys()],
};

/** Where the report opens: the worst change beside an earlier run, else where most is hidden. */
function firstFrame() {
  if (against) return SORTS.regressed[0];
  const hidden = (i) => frames[i].objects.reduce((sum, o) => sum + o.amodal_area - o.visible_area, 0);
  const shown = [...frames.keys()].filter((i) => pictures[frames[i].index] && frames[i].answer);
  return shown.reduce((most, i) => (hidden(i) > hidden(most) ? i : most), shown[0] ?? 0);
}

const state = {
  sort: Object.keys(SORTS)[0], frame: 0, chosen: null, metric: METRICS.length ? METRICS[0][0] : "",
  on: {visible: false, whole: true, hidden: true, completed: false, order: true, truth: false},
};

/** Draw what changes of the state change; what takes the place of the focus gets it. */
function update(changes) {
  const {key} = document.activeElement.dataset;
  Object.assign(state, changes);
  if ("metric" in changes) drawPlots();
  if ("sort" in changes) drawList();
  if ("frame" in changes || "sort" in changes) markFrame();
  drawFrame();
  const heir = key && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (heir) heir.focus({preventScroll: true});
}

const chooseFrame = (frame) => update({frame});
const chooseObject = (id) => update({chosen: id === state.chosen ? null : id});

function frameTip(i) {
  const frame = frames[i], lines = [`frame ${frame.index}, ${seconds[i].toFixed(2)} s`];
  if (!frame.answer) return `${lines[0]}\nunanswered: ${frame.problem}`;
  if (scored) lines.push(`SI ${show(frame.segan.si)}, hull ${show(frame["convex hull"].si)}`,
    `SF ${show(frame.segan.sf)}, order ${show(frame.segan.order_accuracy)}`);
  if (earlier[i]) lines.push(`frame score ${signed(change(i))} since the earlier run`);
  return [...lines, `${show(times.get(frame.index), 0)} ms`].join("\n");
}

function drawCards() {
  const now = run.summary.scores.segan, steps = run.summary.steps.segan;
  const hull = run.summary.scores["convex hull"], raw = run.summary.scores["input mask"];
  const flat = run.summary.scores["segan, depth unused"];
  const flatHull = run.summary.scores["convex hull, depth unused"];
  const then = against ? against.run.summary : {scores: {}, steps: {}};
  const cards = [];
  const scores = [
    ["SI · hidden part", "si", 1, "IoU of the hidden part, objects hidden by 5 – 95 %"],
    ["SF · whole object", "sf", 1, "IoU of the whole object"],
    ["Hallucination", "hallucination", -1, "predicted hidden area over visible area, for unoccluded objects"],
    ["Order accuracy", "order_accuracy", 1, "occluding pairs with the right direction"],
    ["Edge F1", "edge_f1", 1, "harmonic mean of precision and recall of the occlusion edges"],
  ];
  for (const [title, name, better, tip] of now ? scores : []) {
    const was = then.scores.segan && then.scores.segan[name];
    cards.push({title, value: show(now[name]), better, change: difference(now[name], was),
      tip: `${tip}\ninput: the input mask, unchanged\nno depth: the same without depth`,
      small: `hull ${show(hull[name])} · input ${show(raw[name])}`,
      more: flat && (name === "order_accuracy" || name === "edge_f1")
        ? `no depth ${show(flat[name])} · hull ${show(flatHull[name])}` : ""});
  }
  if (steps) {
    cards.push({title: "Stability", value: show(steps.whole_iou), tip:
      "IoU of whole masks from frame to frame, beside that of the visible masks\n"
        + `${percent(steps.edge_changes)} of the edges change`,
      change: difference(steps.whole_iou, then.steps.segan && then.steps.segan.whole_iou),
      small: `visible ${show(steps.visible_iou)}`});
  }
  if (steps && steps.revealed) {
    cards.push({title: "Revealed", value: show(steps.revealed_iou), tip:
      "what came into view when an object was removed, compared with what had been predicted",
      small: `hull ${show(run.summary.steps["convex hull"].revealed_iou)} · `
        + `${steps.revealed} objects`});
  }
  const ms = DATA.timings.latency_ms, answered = frames.filter((f) => f.answer).length;
  const msThen = against && against.timings ? against.timings.latency_ms.median : null;
  cards.push(
    {title: "Latency", value: show(ms.median, 0), unit: "ms", better: -1,
      change: difference(ms.median, msThen), small: `median · largest ${show(ms.max, 0)}`},
    {title: "Answered", value: answered, unit: `of ${frames.length}`,
      small: `${run.summary.objects} objects`, tip: `${run.summary.occluded} of them occluded`});
  $("cards").replaceChildren(...cards.map(card));
}

function drawPlots() {
  const hosts = $("plots").children.length ? [...$("plots").children]
    : [0, 1, 2].map(() => $("plots").appendChild(make("div", {class: "plot"})));
  const common = {times: seconds, choose: chooseFrame, tip: frameTip};
  const metric = METRICS.find(([name]) => name === state.metric);
  if (metric) {
    const [name, value] = metric;
    const buttons = METRICS.map(([n]) => make("button", {
      "aria-pressed": n === name, "data-key": `metric ${n}`, onclick: () => update({metric: n})}, n));
    const of = (list, method) => list.map((f) => (f && f.answer ? value(f, method) : null));
    const series = [
      {kind: "hull", values: of(frames, "convex hull")},
      ...(against ? [{kind: "then", values: of(earlier, "segan")}] : []),
      {kind: "now", values: of(frames, "segan")}];
    const other = name === "stability" ? "visible masks" : "convex hull";
    linePlot(hosts[0], {...common, series, title: key(other), controls: buttons});
  }
  hosts[0].hidden = !metric;
  barPlot(hosts[1], {...common, title: "latency, ms",
    values: frames.map((f) => times.get(f.index)),
    then: earlier.map((f) => (f ? timesThen.get(f.index) : null))});
  const all = (list, name) => list.flatMap((f) => (f ? f.objects.map((o) => o[name]) : []))
    .filter(known);
  const what = scored && all(frames, "si").length ? "si" : "occlusion_ratio";
  histogram(hosts[2], {
    title: what === "si" ? "objects by SI" : "objects by hidden share",
    values: all(frames, what).filter((v) => what === "si" || v > 0),
    then: all(earlier, what).filter((v) => what === "si" || v > 0)});
  markPlace($("plots"), state.frame);
}

function key(other) {
  const entry = (colour, text) => [make("i", {style: `background:var(--${colour})`}), text];
  return make("span", {class: "key"}, ...entry("ours", "segan"), ...entry("hull", other),
    ...(against ? entry("then", "earlier run") : []));
}

function drawList() {
  $("sort").replaceChildren(...Object.keys(SORTS).map((name) => make("button", {
    "aria-pressed": name === state.sort, "data-key": `sort ${name}`,
    onclick: () => update({sort: name})}, name)));
  const entries = document.createDocumentFragment();
  for (const i of SORTS[state.sort]) entries.append(make("li", {}, entry(i)));
  $("list").replaceChildren(entries);
}

/** Show in list and plots which frame is chosen. */
function markFrame() {
  const list = $("list"), before = list.querySelector("[aria-current]");
  if (before) before.removeAttribute("aria-current");
  const current = list.querySelector(`[data-frame="${frames[state.frame].index}"]`);
  current.setAttribute("aria-current", true);
  markPlace($("plots"), state.frame);
  const top = current.parentNode.offsetTop - list.offsetTop, bottom = top + current.offsetHeight;
  if (top < list.scrollTop || bottom > list.scrollTop + list.clientHeight)
    list.scrollTop = top - list.clientHeight / 3;
}

function entry(i) {
  const frame = frames[i], picture = pictures[frame.index], score = frame.frame_score;
  const image = picture
    ? make("img", {src: picture.thumbnail, alt: ""}) : make("div", {class: "none"}, "no picture");
  const delta = change(i), text = make("span", {}, make("strong", {}, `frame ${frame.index}`));
  if (known(delta) && Math.abs(delta) >= 0.005) text.append(" ", make("span", {class: trend(delta)}, signed(delta, 2)));
  text.append(make("br"), !frame.answer ? "unanswered"
    : scored ? `score ${show(score, 2)}` : `${frame.answer.objects} objects`);
  if (frame.answer && scored && known(score)) {
    text.append(make("span", {class: "gauge"}, make("i", {style:
      `width:${100 * score}%;background:hsl(${120 * score} 60% 48%)`})));
  }
  return make("button", {
    "data-frame": frame.index, "data-key": `frame ${i}`, onclick: () => chooseFrame(i)},
  image, text);
}

function drawFrame() {
  const frame = frames[state.frame], picture = pictures[frame.index];
  $("title").textContent = `Frame ${frame.index} · ${seconds[state.frame].toFixed(2)} s`;
  const names = LAYERS.filter(([name]) => name !== "truth" || withTruth);
  $("layers").replaceChildren(...names.map(([name, tip], i) => make("button", {
    "data-layer": name, "aria-pressed": state.on[name], "data-tip": tip, "data-key": `layer ${name}`,
    onclick: () => toggle(name)}, make("kbd", {}, i + 1), name)));
  const scenes = picture ? picture.scenes : [], options = {...state, choose: chooseObject};
  $("stage").replaceChildren(...scenes.map((scene, pane) => make("figure", {},
    drawScene(pane, picture, scene, options),
    against || !scene ? make("figcaption", {}, caption(scene, pane, frame)) : null)));
  if (!picture) {
    $("stage").append(make("p", {class: "empty"}, frame.problem
      || "No picture of this frame: the report shows the worst ones and a sample (--pictures)."));
  }
  $("graph").replaceChildren(...scenes.flatMap((scene, pane) =>
    (scene ? [drawGraph(pane, picture, scene, options)] : [])));
  drawObjects(frame, scenes[0]);
  $("notes").replaceChildren(...notes(frame).map((text) => make("div", {}, text)));
}

function caption(scene, pane, frame) {
  if (pane === 0) return scene ? "this run" : `unanswered: ${frame.problem}`;
  return scene ? "earlier run" : "earlier run: no answer on disk";
}

function toggle(name) {
  update({on: {...state.on, [name]: !state.on[name]}});
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const list = SORTS[state.sort], at = list.indexOf(state.frame);
  const go = (to) => chooseFrame(list[Math.max(0, Math.min(list.length - 1, to))]);
  const layer = LAYERS[Number(event.key) - 1];
  const sorts = Object.keys(SORTS);
  if (event.key === "ArrowRight" || event.key === "ArrowDown") go(at + 1);
  else if (event.key === "ArrowLeft" || event.key === "ArrowUp") go(at - 1);
  else if (event.key === "Home") go(0);
  else if (event.key === "End") go(list.length - 1);
  else if (event.key === "Escape") update({chosen: null});
  else if (event.key === "s") update({sort: sorts[(sorts.indexOf(state.sort) + 1) % sorts.length]});
  else if (layer && (layer[0] !== "truth" || withTruth)) toggle(layer[0]);
  else return;
  event.preventDefault();
});

/** Explain what the mouse or the focus is on, beside x and y. */
function explain(element, x, y) {
  const tip = $("tip"), target = element.closest("[data-tip]");
  tip.hidden = !target || !target.dataset.tip;
  if (tip.hidden) return;
  tip.textContent = target.dataset.tip;
  const below = y + 18 + tip.offsetHeight < innerHeight;
  tip.style.left = `${Math.min(x + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${below ? y + 18 : y - tip.offsetHeight - 10}px`;
}

document.addEventListener("mousemove", (event) =>
  explain(event.target, event.clientX, event.clientY));
document.addEventListener("focusin", ({target}) => {
  const place = target.getBoundingClientRect();
  if (target.matches(":focus-visible")) explain(target, place.left, place.bottom - 10);
});
document.addEventListener("focusout", () => { $("tip").hidden = true; });

$("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.body).backgroundColor === "rgb(15, 18, 22)";
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});

addEventListener("resize", drawPlots);

$("heading").textContent = DATA.heading;
if (against) $("against").textContent = `against ${against.run.heading}`;
document.title = `segan replay: ${DATA.heading}`;
document.body.classList.toggle("pair", Boolean(against));
if (against) $("viewer").append($("graph"));
drawCards();
drawDetails();
drawPlots();
update({sort: state.sort, frame: firstFrame()});
