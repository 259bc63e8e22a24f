"use strict";
// One frame: its picture, the layers over it, and the graph beside it.

const LAYERS = [
  ["visible", "visible mask: the input"],
  ["whole", "predicted outline of the whole object"],
  ["hidden", "predicted part behind other objects"],
  ["completed", "predicted appearance of the hidden parts"],
  ["order", "occlusion edges, from occluder to occludee; the layer of each object, green: free"],
  ["truth", "true outlines; blue: hidden but missed; red: predicted but not there"],
];

/** The picture of a frame with its layers. on: {layer: bool}; chosen: id or null. */
function drawScene(pane, picture, scene, {on, chosen, choose}) {
  const width = 2 * picture.width, height = 2 * picture.height;
  const unit = (width / 640) * (picture.scenes.length > 1 ? 1.4 : 1);
  const svg = make("svg", {viewBox: `0 0 ${width} ${height}`, "data-pane": pane});
  const photo = () => make("image", {href: picture.image, width, height});
  svg.append(photo());
  if (!scene) return svg;
  const defs = make("defs"), objects = [...scene.objects].sort((a, b) => b.layer - a.layer);
  svg.prepend(defs);
  for (const item of objects) defs.append(clip(pane, item), hatch(pane, item, unit));
  const one = objects.find((o) => o.id === chosen);
  if (one) {
    svg.append(make("rect", {class: "veil", width, height}));
    const seen = photo();
    seen.setAttribute("clip-path", `url(#clip-${pane}-${one.id})`);
    svg.append(seen, ...appearance(one));
  }
  const group = (name) => {
    const g = make("g", {class: `layer-${name}${on[name] ? "" : " off"}`});
    svg.append(g);
    return g;
  };
  const drawn = one ? [one] : objects;
  const completed = group("completed"), hidden = group("hidden"), truth = group("truth");
  if (one) hidden.setAttribute("opacity", 0.3); // what it looks like shall be seen
  const visible = group("visible"), whole = group("whole");
  for (const item of drawn) {
    if (!one) completed.append(...appearance(item));
    hidden.append(make("path", {d: item.hidden, fill: `url(#hatch-${pane}-${item.id})`}));
    visible.append(
      make("path", {class: "halo", d: item.visible}),
      make("path", {class: "visible", d: item.visible, stroke: item.colour}));
    whole.append(
      make("path", {class: "halo", d: item.whole}),
      make("path", {class: "whole", d: item.whole, stroke: item.colour}));
    for (const name of ["missed", "invented", "truth"])
      if (item[name]) truth.append(make("path", {class: name, d: item[name]}));
  }
  drawOrder(group("order"), scene, drawn, unit);
  for (const item of objects) {
    svg.append(make("path", {
      class: "area object", d: item.visible, "data-id": item.id, "data-tip": describe(item, scene),
      onclick: (event) => { event.stopPropagation(); choose(item.id); }}));
  }
  svg.addEventListener("click", () => choose(null));
  return svg;
}

function describe(item, scene) {
  const over = scene.edges.filter((e) => e.occludee === item.id).map((e) => e.occluder);
  const under = scene.edges.filter((e) => e.occluder === item.id).map((e) => e.occludee);
  return `object ${item.id}, layer ${item.layer}`
    + (over.length ? `\noccluded by ${over.join(", ")}` : "")
    + (item.unlabelled ? "\nunder something unlabelled" : "")
    + (item.free ? "\nfree to lift" : "")
    + (under.length ? `\noccludes ${under.join(", ")}` : "");
}

function clip(pane, item) {
  const path = make("path", {d: item.visible, "clip-rule": "evenodd"});
  return make("clipPath", {id: `clip-${pane}-${item.id}`}, path);
}

function hatch(pane, item, unit) {
  const side = 5 * unit;
  return make("pattern", {
    id: `hatch-${pane}-${item.id}`, width: side, height: side, patternUnits: "userSpaceOnUse",
    patternTransform: "rotate(45)"},
  make("rect", {width: side, height: side, fill: item.colour, "fill-opacity": 0.35}),
  make("rect", {width: side / 2, height: side, fill: item.colour, "fill-opacity": 0.95}));
}

function appearance(item) {
  if (!item.appearance) return [];
  const [x0, y0, x1, y1] = item.box.map((v) => 2 * v);
  return [make("image", {
    href: item.appearance, x: x0, y: y0, width: x1 - x0, height: y1 - y0,
    preserveAspectRatio: "none"})];
}

function drawOrder(group, scene, drawn, unit) {
  const at = Object.fromEntries(scene.objects.map((o) => [o.id, o]));
  const ids = new Set(drawn.map((o) => o.id));
  for (const edge of scene.edges) {
    if (!ids.has(edge.occluder) && !ids.has(edge.occludee)) continue;
    const from = at[edge.occluder];
    if (from) group.append(...arrow(from.centre, edge.end, unit));
  }
  for (const item of drawn) {
    const text = item.id === scene.next ? `${item.id} NEXT` : `${item.id} L${item.layer}`;
    const [x, y] = item.centre, wide = (text.length * 6.4 + 10) * unit, high = 17 * unit;
    group.append(make("g", {class: item.free ? "free" : "under"},
      make("rect", {
        class: "tag", x: x - wide / 2, y: y - high / 2, width: wide, height: high, rx: 5 * unit}),
      make("text", {x, y: y + unit / 2, "font-size": 11 * unit}, text)));
  }
}

function arrow([x0, y0], [x1, y1], unit) {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1, tip = Math.min(11 * unit, length * 0.6);
  const dx = (x1 - x0) / length, dy = (y1 - y0) / length;
  const bx = x1 - dx * tip, by = y1 - dy * tip, half = tip * 0.42;
  const head = [[x1, y1], [bx - dy * half, by + dx * half], [bx + dy * half, by - dx * half]];
  const line = `M${x0} ${y0}L${bx} ${by}`, points = head.map((p) => p.join()).join(" ");
  const style = (colour, wide) =>
    `fill:none;stroke:${colour};stroke-width:${wide * unit};vector-effect:none`;
  return [
    make("path", {d: line, style: style("#000b", 4.2)}),
    make("polygon", {points, fill: "#fff", stroke: "#000b", "stroke-width": 2 * unit}),
    make("path", {d: line, style: style("#fff", 2)}),
    make("polygon", {points, fill: "#fff"}),
  ];
}

/** The occlusion graph, its nodes filled with the completed objects. */
function drawGraph(pane, picture, scene, {chosen, choose}) {
  const host = make("div");
  host.innerHTML = scene.graph; // written by segan_ros.pictures: numbers alone
  const svg = host.querySelector("svg"), at = Object.fromEntries(scene.objects.map((o) => [o.id, o]));
  const one = chosen in at ? chosen : null; // it may have left since it was chosen
  const near = new Set([one]);
  for (const e of scene.edges) {
    if (e.occluder === one) near.add(e.occludee);
    if (e.occludee === one) near.add(e.occluder);
  }
  for (const box of svg.querySelectorAll("rect[rx]")) {
    const circle = box.nextElementSibling, label = circle && circle.nextElementSibling;
    const item = label && at[label.textContent];
    if (!item) continue;
    const cold = one !== null && !near.has(item.id) ? " cold" : "";
    const node = make("g", {
      class: `node${cold}`, "data-id": item.id, "data-tip": describe(item, scene),
      onclick: () => choose(item.id)});
    box.replaceWith(node);
    node.append(box, thumbnail(pane, picture, item, box), circle, label);
  }
  for (const heading of svg.querySelectorAll(".heading")) {
    svg.before(make("p", {class: "order"}, heading.textContent));
    heading.remove();
  }
  trim(svg);
  return host;
}

/** Leave out the empty space around the nodes. */
function trim(svg) {
  const boxes = [...svg.querySelectorAll("rect[rx]")], width = svg.getAttribute("width");
  const ends = boxes.map((b) => +b.getAttribute("y") + +b.getAttribute("height"));
  const high = Math.max(40, ...ends) + 12;
  const low = Math.min(high, ...boxes.map((b) => +b.getAttribute("y"))) - 16;
  svg.setAttribute("viewBox", `8 ${low} ${width - 16} ${high - low}`);
  svg.removeAttribute("height");
}

function thumbnail(pane, picture, item, box) {
  const [x0, y0, x1, y1] = item.box.map((v) => 2 * v);
  const side = box.getAttribute("width") - 16;
  const view = make("svg", {
    x: +box.getAttribute("x") + 8, y: +box.getAttribute("y") + 8, width: side, height: side,
    viewBox: `${x0} ${y0} ${x1 - x0} ${y1 - y0}`});
  view.append(make("image", {
    href: picture.image, width: 2 * picture.width, height: 2 * picture.height,
    "clip-path": `url(#clip-${pane}-${item.id})`}), ...appearance(item));
  return view;
}
