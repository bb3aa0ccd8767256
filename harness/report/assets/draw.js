// The picture: rows from top to bottom, each with what it holds and how it is drawn. Nothing here keeps state but
// the row itself; the view says which time is shown and where.

const FROM = 0, TOOK = 1, OUTCOME = 2, N = 3, STATUS = 4, SEQ = 5; // of a mark

// rowsOf turns the chart into rows. An item of a row is what can be pointed at: {from, to, at, say, source, seq}.
function rowsOf(chart) {
  const rows = [];
  if (chart.faults.length) rows.push({ kind: "faults", label: "faults", height: 26, items: chart.faults.map((f) => ({
    from: f.from, to: f.to, at: f.from, text: f.what, source: f.event[0], seq: f.event[1],
    say: `${f.what}: from ${seconds(f.from)} to ${seconds(f.to)} s, for ${span(f.to - f.from)}` })) });
  for (const a of chart.away) rows.push({ kind: "away", label: a.lane, height: 20, items: statesOf(a, chart, (s) => s.state === "away" ? "away" : "ready again") });
  for (const kind of ["order", "attempt"]) for (const l of chart.lanes) if (l.kind === kind) rows.push(laneRow(l));
  for (const b of chart.breakers) rows.push({ kind: "breaker", label: b.lane, sub: "breaker of " + b.caller, height: 40, items: statesOf(b, chart, (s) => s.state), fore: foreStates(b, chart) });
  for (const l of chart.lanes) if (l.kind === "delivery") rows.push(laneRow(l));
  const timed = chart.lanes.filter((l) => l.kind === "order" && l.marks.length);
  for (const l of timed) rows.push({ kind: "latency", label: l.name, sub: "latency of orders", height: 128, lane: l, items: itemsOf(l) });
  let top = 26;
  for (const r of rows) { r.top = top; top += r.height; }
  return { rows, height: top + 6 };
}

const laneSub = { order: "orders", attempt: "attempts", delivery: "arrived at the app" };

function laneRow(l) {
  return { kind: "lane", label: l.name.replace("->", " → "), sub: laneSub[l.kind], height: 46, lane: l, items: itemsOf(l), fore: l.forecast || [] };
}

// itemsOf makes no object a mark: a hundred thousand of them would cost more than the picture.
function itemsOf(l) {
  const fore = new Map((l.forecast || []).map((f) => [f.id + "/" + (l.kind === "order" ? 0 : f.n), f]));
  return { length: l.marks.length, lane: l, fore,
    at(i) { const m = l.marks[i]; return l.kind === "order" ? m[FROM] + m[TOOK] : m[FROM]; },
    get(i) {
      const m = l.marks[i], id = l.ids[i], order = id ? "order " + id : "a request";
      let say = l.kind === "attempt" && m[N] ? `attempt ${m[N]} of ${order}` : order;
      const how = (l.hows || {})[i];
      say += how ? ": " + how : m[STATUS] ? `: answered ${m[STATUS]}` : ": " + outcomeWords[m[OUTCOME]];
      if (l.kind === "order" && m[N] > 1) say += ` after ${m[N]} attempts`;
      say += `\n${seconds(m[FROM])} s, took ${span(m[TOOK])}`;
      const f = fore.get(id + "/" + (l.kind === "order" ? 0 : m[N]));
      if (f) { const at = this.at(i), off = Math.max(f.lo - at, at - f.hi, 0); say += `\nforetold ${f.lo === f.hi ? seconds(f.lo) : seconds(f.lo) + " to " + seconds(f.hi)} s, off by ${span(off)}`; }
      return { from: m[FROM], to: m[FROM] + m[TOOK], at: this.at(i), say, source: l.source, seq: m[SEQ] };
    } };
}

function statesOf(b, chart, word) {
  return b.states.map((s, i) => {
    const to = i + 1 < b.states.length ? b.states[i + 1].at : chart.ended;
    const why = s.n && s.state === "open" && i && b.states[i - 1].state === "closed" ? `, on failure ${s.n}` : "";
    return { from: s.at, to: Math.max(to, s.at), at: s.at, state: s.state, source: s.event[0], seq: s.event[1],
      say: `${b.lane} ${word(s)}${why}\nfrom ${seconds(s.at)} to ${seconds(to)} s, for ${span(Math.max(0, to - s.at))}` };
  });
}

function foreStates(b, chart) {
  const out = [];
  let from = chart.faults.length ? chart.faults[0].from : chart.began, state = "closed";
  for (const f of b.forecast || []) { out.push({ from, to: f.lo, state }); from = f.lo; state = f.id.split(" to ")[1]; }
  if (out.length) out.push({ from, to: chart.ended, state });
  return out;
}

const stateColour = { closed: "ok", open: "bad", "half-open": "wait", away: "bad", ready: "ok" };

function draw(g, view, rows, height, chart, colour, selected) {
  g.clearRect(0, 0, view.width, height);
  g.font = "12px system-ui, sans-serif";
  g.textBaseline = "middle";
  const x = (us) => view.left + (us - view.lo) / (view.hi - view.lo) * (view.width - view.left - view.right);
  shade(g, x, view, chart, height, colour);
  axis(g, x, view, height, colour);
  for (const r of rows) {
    label(g, r, view, colour);
    g.save();
    g.beginPath(); g.rect(view.left, r.top - 4, view.width - view.left - view.right + 8, r.height + 6); g.clip();
    ({ faults: drawFaults, away: drawAway, lane: drawLane, breaker: drawBreaker, latency: drawLatency })[r.kind](g, x, r, view, colour);
    g.restore();
  }
  if (selected) {
    const at = Math.max(view.left, Math.min(view.width - view.right, x(selected.item.at)));
    g.strokeStyle = colour.ink; g.lineWidth = 1.5;
    g.beginPath(); g.moveTo(at, selected.row.top - 2); g.lineTo(at, selected.row.top + selected.row.height - 2); g.stroke();
    g.setLineDash([2, 4]); g.lineWidth = 1; g.beginPath(); g.moveTo(at, 22); g.lineTo(at, height); g.stroke(); g.setLineDash([]);
  }
}

function shade(g, x, view, chart, height, colour) {
  g.save(); g.beginPath(); g.rect(view.left, 0, view.width - view.left - view.right, height); g.clip();
  for (const f of chart.faults) {
    const from = x(f.from), wide = Math.max(1.5, x(f.to) - from);
    g.fillStyle = colour.fault; g.fillRect(from, 20, wide, height - 24);
  }
  g.restore();
}

function axis(g, x, view, height, colour) {
  const most = (view.width - view.left - view.right) / 70, range = view.hi - view.lo;
  let step = 1;
  for (let e = 1; step < range / most; e *= 10) for (const k of [1, 2, 5]) { step = k * e; if (step >= range / most) break; }
  const digits = step >= 1e6 ? 0 : Math.min(6, Math.ceil(6 - Math.log10(step)));
  g.textAlign = "center";
  for (let at = Math.ceil(view.lo / step) * step; at <= view.hi; at += step) {
    const px = Math.round(x(at)) + .5;
    g.strokeStyle = colour.grid; g.lineWidth = 1; g.beginPath(); g.moveTo(px, 22); g.lineTo(px, height - 4); g.stroke();
    g.fillStyle = colour.dim; g.fillText((at / 1e6).toFixed(digits), Math.min(px, view.width - 14), 11);
  }
}

function label(g, r, view, colour) {
  g.textAlign = "left";
  const room = view.left > 20 ? view.left - 18 : 0;
  if (room) {
    g.fillStyle = colour.ink; g.fillText(fit(g, r.label, room), 12, r.top + (r.sub ? r.height / 2 - 8 : r.height / 2));
    if (r.sub) { g.fillStyle = colour.dim; g.fillText(fit(g, r.sub, room), 12, r.top + r.height / 2 + 8); }
    if (r.kind === "latency") decades(g, r, view.left - 6, "right", colour);
  } else if (r.kind !== "faults") {
    g.fillStyle = colour.dim; g.fillText(fit(g, r.sub ? r.label + ", " + r.sub : r.label, view.width - 16), 8, r.top + 7);
  }
}

function fit(g, text, room) {
  if (g.measureText(text).width <= room) return text;
  while (text.length > 1 && g.measureText(text + "…").width > room) text = text.slice(0, -1);
  return text + "…";
}

const middle = (r, view) => view.left > 20 ? r.top + r.height / 2 : r.top + 14 + (r.height - 14) / 2;

function drawFaults(g, x, r, view, colour) {
  for (const f of r.items) {
    const from = Math.max(view.left, x(f.from)), to = Math.min(view.width - view.right, Math.max(x(f.to), from + 2));
    if (to < view.left) continue;
    g.fillStyle = colour.bad; g.fillRect(from, r.top, to - from, 2);
    g.textAlign = "left"; if (to - from > 24) g.fillText(fit(g, f.text, to - from - 8), from + 4, r.top + 13);
  }
}

function drawAway(g, x, r, view, colour) {
  const y = middle(r, view);
  for (const s of r.items) {
    const from = x(s.from), to = x(s.to);
    if (s.state === "away") { g.strokeStyle = colour.bad; g.lineWidth = 2; g.setLineDash([4, 3]); g.beginPath(); g.moveTo(from, y); g.lineTo(to, y); g.stroke(); g.setLineDash([]); }
    g.fillStyle = colour[stateColour[s.state]]; g.fillRect(from - 1, y - 5, 3, 10);
  }
}

function drawBreaker(g, x, r, view, colour) {
  const y = middle(r, view);
  for (const s of r.fore) { g.strokeStyle = colour[stateColour[s.state]]; g.lineWidth = s.state === "half-open" ? 5 : 3; g.globalAlpha = .55; g.beginPath(); g.moveTo(x(s.from), y + 11); g.lineTo(Math.max(x(s.to), x(s.from) + 2), y + 11); g.stroke(); g.globalAlpha = 1; }
  for (const s of r.items) if (s.state !== "half-open") {
    const from = x(s.from), to = x(s.to), high = s.state === "open" ? 12 : 6; // not by colour alone
    g.fillStyle = colour[stateColour[s.state]]; g.fillRect(from, y - 2 - high / 2, Math.max(1, to - from), high);
  }
  for (const s of r.items) if (s.state === "half-open") { g.fillStyle = colour.wait; g.fillRect(x(s.from) - 1.5, y - 12, Math.max(3, x(s.to) - x(s.from)), 20); }
}

// dense tells whether a lane has more marks in view than can be told apart.
function dense(r, view) {
  const [from, to] = inView(r.items, view);
  return to - from > (view.width - view.left) / 4 ? [from, to] : null;
}

// inView gives the marks that may be seen: long ones begin before the view.
function inView(items, view) {
  const find = (us) => { let a = 0, b = items.length; while (a < b) { const m = (a + b) >> 1; if (items.lane.marks[m][FROM] < us) a = m + 1; else b = m; } return a; };
  let from = find(view.lo), longest = items.longest;
  if (longest === undefined) longest = items.longest = items.lane.marks.reduce((d, m) => Math.max(d, m[TOOK]), 0);
  if (longest > 0) from = find(view.lo - longest);
  return [from, find(view.hi + 1)];
}

const binWidth = 3;

function bins(r, view, [from, to]) {
  const wide = view.width - view.left - view.right, out = [];
  let most = 0;
  for (let i = from; i < to; i++) {
    const b = Math.floor((r.items.at(i) - view.lo) / (view.hi - view.lo) * wide / binWidth);
    if (b < 0 || b * binWidth > wide) continue;
    const c = out[b] ||= [0, 0, 0, 0, 0];
    c[r.lane.marks[i][OUTCOME]]++; most = Math.max(most, ++c[4]);
  }
  return { out, most };
}

const outcomeColour = ["ok", "bad", "wait", "wait"];

function drawLane(g, x, r, view, colour) {
  const y = middle(r, view);
  g.lineWidth = 1.25;
  for (const f of r.fore) {
    const from = x(f.lo) - 6, wide = Math.max(12, x(f.hi) - x(f.lo) + 12);
    if (from > view.width || from + wide < view.left) continue;
    g.fillStyle = colour.fore; g.globalAlpha = .1; g.fillRect(from, y - 13, wide, 26); g.globalAlpha = .8;
    g.strokeStyle = colour.fore; g.setLineDash([3, 2]); g.strokeRect(from, y - 13, wide, 26); g.setLineDash([]); g.globalAlpha = 1;
  }
  const many = dense(r, view);
  if (many) {
    const { out, most } = bins(r, view, many), high = r.height - 10;
    out.forEach((c, b) => {
      let base = y + high / 2;
      for (const k of [1, 2, 3, 0]) if (c[k]) { const h = Math.max(1.5, c[k] / most * high); g.fillStyle = colour[outcomeColour[k]]; g.fillRect(view.left + b * binWidth, base - h, binWidth - .5, h); base -= h; }
    });
    return;
  }
  const [from, to] = inView(r.items, view), lifts = liftsOf(r, view, from, to), middleY = y;
  for (const pass of [0, 1]) for (let i = from; i < to; i++) {
    const m = r.lane.marks[i], bad = m[OUTCOME] === 1 ? 1 : 0;
    if (bad !== pass) continue;
    const a = x(m[FROM]), b = x(m[FROM] + m[TOOK]), y = middleY + lifts[i - from];
    if (b - a > 3) { g.fillStyle = colour[r.lane.kind === "order" || m[OUTCOME] === 3 ? "wait" : outcomeColour[m[OUTCOME]]]; g.globalAlpha = .75; g.fillRect(a, y - 1.5, b - a, 3); g.globalAlpha = 1; }
    if (m[OUTCOME] !== 3) glyph(g, r.lane.kind === "order" ? b : a, y, m[OUTCOME], colour);
  }
}

// liftsOf sets marks of one moment, of callers that send at once, beside each other, so that none hides another.
function liftsOf(r, view, from, to) {
  const places = [0, -9, 9, -4.5, 4.5], last = places.map(() => -Infinity), out = new Float32Array(to - from);
  const scale = (view.width - view.left - view.right) / (view.hi - view.lo);
  for (let i = from; i < to; i++) {
    const at = r.items.at(i) * scale, free = last.findIndex((x) => Math.abs(at - x) >= 3);
    if (free < 0) continue;
    last[free] = at; out[i - from] = places[free];
  }
  return out;
}

// A glyph tells outcomes apart by shape too: a disc passed, a diamond failed, a ring was refused.
function glyph(g, at, y, outcome, colour) {
  g.fillStyle = g.strokeStyle = colour[outcomeColour[outcome]];
  g.beginPath();
  if (outcome === 1) { g.moveTo(at, y - 6.5); g.lineTo(at + 6.5, y); g.lineTo(at, y + 6.5); g.lineTo(at - 6.5, y); g.fill(); return; }
  g.arc(at, y, outcome === 2 ? 4 : 5, 0, 7);
  if (outcome === 2) { g.lineWidth = 2; g.fillStyle = colour.card; g.fill(); g.stroke(); } else g.fill();
}

// latencyAt is where a latency stands: its scale is logarithmic, from 100 µs up.
function latencyAt(r, us) {
  if (!r.scale) r.scale = Math.max(1, Math.ceil(Math.log10(Math.max(...[1e4], r.lane.marks.reduce((d, m) => Math.max(d, m[TOOK]), 0)) / 100)));
  const low = r.top + r.height - 12, high = r.top + 22;
  return low - Math.max(0, Math.min(1, Math.log10(Math.max(us, 100) / 100) / r.scale)) * (low - high);
}

// decades writes every second power of ten beside the scale.
function decades(g, r, at, align, colour) {
  latencyAt(r, 1);
  g.fillStyle = colour.dim; g.textAlign = align;
  for (let e = r.scale % 2; e <= r.scale; e += 2) {
    const us = 100 * 10 ** e;
    g.fillText(us < 1000 ? us + " µs" : us < 1e6 ? us / 1000 + " ms" : us / 1e6 + " s", at, latencyAt(r, us));
  }
  g.textAlign = "left";
}

function drawLatency(g, x, r, view, colour) {
  latencyAt(r, 1);
  for (let e = 0; e <= r.scale; e++) {
    const us = 100 * 10 ** e, y = Math.round(latencyAt(r, us)) + .5;
    g.strokeStyle = colour.grid; g.lineWidth = 1; g.beginPath(); g.moveTo(view.left, y); g.lineTo(view.width, y); g.stroke();
  }
  if (view.left < 20) decades(g, r, view.left, "left", colour);
  const [from, to] = inView(r.items, view), small = to - from > 1500;
  for (const pass of [0, 2, 3, 1]) for (let i = from; i < to; i++) {
    const m = r.lane.marks[i];
    if (m[OUTCOME] !== pass) continue;
    const at = x(m[FROM]), y = latencyAt(r, m[TOOK]);
    g.fillStyle = colour[outcomeColour[m[OUTCOME]]];
    if (small) { g.fillRect(at - 1, y - 1, 2, 2); continue; }
    g.beginPath(); g.arc(at, y, 3, 0, 7); g.fill();
  }
}
