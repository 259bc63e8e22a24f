"use strict";
// Numbers as pictures: cards, lines over time, bars, a histogram. Nothing here knows the page.

const SVG = "http://www.w3.org/2000/svg";

const known = (value) => value !== null && value !== undefined;

/** An element: make("p", {class: "a"}, "text", child); names of SVG make SVG elements. */
function make(name, attributes = {}, ...children) {
  const svg = /^(svg|g|path|rect|circle|line|text|image|defs|clipPath|pattern|polygon|title)$/;
  const element = svg.test(name)
    ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (known(value)) element.setAttribute(key, value);
  }
  element.append(...children.filter(known));
  return element;
}

const show = (value, digits = 3) => (known(value) ? value.toFixed(digits) : "–");
const percent = (value) => (known(value) ? `${Math.round(100 * value)} %` : "–");
const signed = (value, digits = 3) =>
  (known(value) ? (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits) : "–");
const largest = (values, least) => values.reduce((a, b) => Math.max(a, b), least);
const difference = (now, then) => (known(now) && known(then) ? now - then : null);

/** Green where larger is better and it grew; nothing where it stayed. */
function trend(change, better = 1) {
  if (!known(change) || Math.abs(change) < 0.0005) return "";
  return change * better > 0 ? "up" : "down";
}

function card({title, value, unit = "", small = "", more = "", change = null, better = 1, tip = ""}) {
  const delta = known(change) && Math.abs(change) >= 0.0005
    ? make("span", {class: `delta ${trend(change, better)}`}, signed(change, unit ? 0 : 3)) : null;
  const number = make("b", {}, value, unit ? make("small", {}, ` ${unit}`) : "");
  return make("div", {class: "card", "data-tip": tip},
    make("h3", {}, title), number, delta, make("p", {}, small), more && make("p", {}, more));
}

const HEIGHT = 128, LEFT = 30, RIGHT = 8, TOP = 8, BOTTOM = 18;

function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function axes(svg, y, ticks, name, labels) {
  const right = svg.viewBox.baseVal.width - RIGHT;
  for (const tick of ticks) {
    svg.append(
      make("line", {class: "grid", x1: LEFT, x2: right, y1: y(tick), y2: y(tick)}),
      make("text", {x: LEFT - 5, y: y(tick) + 3.5, "text-anchor": "end"}, name(tick)));
  }
  for (const [x, text, anchor = "middle"] of labels)
    svg.append(make("text", {x, y: HEIGHT - 4, "text-anchor": anchor}, text));
}

/** An empty plot as wide as its host, so that text keeps its size. */
function sheet(host, title, ...controls) {
  const width = Math.max(host.clientWidth - 22, 200);
  const svg = make("svg", {viewBox: `0 0 ${width} ${HEIGHT}`});
  host.replaceChildren(
    make("div", {class: "top"}, make("h3", {}, title), ...controls), svg);
  return svg;
}

/** The even places of n things across the plot, and the width of each. */
function places(svg, n) {
  const room = (svg.viewBox.baseVal.width - LEFT - RIGHT) / Math.max(n, 1);
  return [(i) => LEFT + room * (i + 0.5), room];
}

function niceTop(largest) {
  const step = 10 ** Math.floor(Math.log10(largest || 1));
  return Math.ceil(largest / step) * step || 1;
}

/** Lines over the frames. series: [{kind: now|hull|then, values: [..]}], choose(i), tip(i). */
function linePlot(host, {title, controls = [], series, times, choose, tip}) {
  const svg = sheet(host, title, ...controls);
  const values = series.flatMap((s) => s.values).filter(known);
  const low = -largest(values.map((v) => -v), 0), high = largest(values, 1);
  const [x, room] = places(svg, times.length), y = scale(low, high, HEIGHT - BOTTOM, TOP);
  axes(svg, y, [low, (low + high) / 2, high], (v) => +v.toFixed(2), timeLabels(times, x));
  hits(svg, times.length, x, room, choose, tip);
  for (const {kind, values: line} of series) {
    let path = "", pen = "M";
    line.forEach((value, i) => {
      if (known(value)) path += `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = known(value) ? "L" : "M";
    });
    svg.append(make("path", {class: kind, d: path, "pointer-events": "none"}));
  }
  for (const {kind, values: line} of series.filter((s) => s.kind !== "hull").reverse()) {
    line.forEach((value, i) => {
      if (!known(value) || room < 5) return;
      svg.append(make("circle", {
        class: kind, cx: x(i), cy: y(value), r: 3, "pointer-events": "none",
        "data-place": kind === "now" ? i : null}));
    });
  }
}

/** Bars over the frames; a missing value is a red one from top to bottom. */
function barPlot(host, {title, values, then, times, choose, tip}) {
  const svg = sheet(host, title);
  const high = niceTop(largest(values.concat(then).filter(known), 1));
  const [x, room] = places(svg, times.length), y = scale(0, high, HEIGHT - BOTTOM, TOP);
  axes(svg, y, [0, high / 2, high], (v) => Math.round(v), timeLabels(times, x));
  values.forEach((value, i) => {
    const top = known(value) ? y(value) : TOP;
    svg.append(make("rect", {
      class: known(value) ? "now" : "miss", x: x(i) - room * 0.36, y: top,
      width: room * 0.72, height: Math.max(HEIGHT - BOTTOM - top, 0.5),
      opacity: known(value) ? 1 : 0.35, rx: Math.min(2, room / 6)}));
  });
  const line = then.map((v, i) => (known(v) ? `${x(i)} ${y(v)}` : null)).filter(known);
  if (line.length) svg.append(make("path", {class: "then", d: `M${line.join("L")}`}));
  hits(svg, times.length, x, room, choose, tip);
}

/** Shares of values in ten bins of 0..1; `then` as a line of steps. */
function histogram(host, {title, values, then}) {
  const bins = (list) => {
    const counts = new Array(10).fill(0);
    for (const v of list) counts[Math.min(9, Math.max(0, Math.floor(v * 10)))] += 1;
    return counts;
  };
  const now = bins(values), was = bins(then), svg = sheet(host, title);
  const high = Math.max(1, ...now, ...was);
  const [x, room] = places(svg, 10), y = scale(0, high, HEIGHT - BOTTOM, TOP);
  axes(svg, y, [0, high], (v) => v, [[LEFT, "0"], [x(4.5), "0.5"], [x(9.5), "1", "end"]]);
  now.forEach((count, i) => {
    svg.append(make("rect", {
      class: "now", x: x(i) - room * 0.44, y: y(count), width: room * 0.88, rx: 2,
      height: HEIGHT - BOTTOM - y(count),
      "data-tip": `${i / 10} – ${(i + 1) / 10}: ${count} objects`
        + (then.length ? `, earlier ${was[i]}` : "")}));
  });
  if (then.length) {
    const steps = was.map((c, i) => `${x(i) - room / 2} ${y(c)}L${x(i) + room / 2} ${y(c)}`);
    svg.append(make("path", {class: "then", d: `M${steps.join("L")}`, "pointer-events": "none"}));
  }
}

function timeLabels(times, x) {
  const last = times.length - 1, half = Math.round(last / 2);
  const middle = last > 1 ? [[x(half), `${times[half].toFixed(1)} s`]] : [];
  const end = last > 0 ? [[x(last + 0.5), `${times[last].toFixed(1)} s`, "end"]] : [];
  return [[LEFT, "0 s", "start"], ...middle, ...end];
}

function hits(svg, count, x, room, choose, tip) {
  for (let i = 0; i < count; i += 1) {
    svg.append(make("rect", {
      class: "hit", x: x(i) - room / 2, y: TOP - 4, width: room, "data-place": i,
      height: HEIGHT - BOTTOM - TOP + 4, "data-tip": tip(i), onclick: () => choose(i)}));
  }
}

/** Mark the place of frame i in plots that are drawn. */
function markPlace(host, i) {
  for (const old of host.querySelectorAll(".here")) old.classList.remove("here");
  for (const now of host.querySelectorAll(`[data-place="${i}"]`)) now.classList.add("here");
}
