// The list of events: the raw history, of which only the lines in view are ever read as JSON.

const rowHigh = 28, head = /^\{"seq":(\d+),"at_ns":(-?\d+),"source":("(?:[^"\\]|\\.)*"),"kind":"([^"\\]*)"/;

function readHistory(bytes) {
  const lines = new TextDecoder().decode(bytes).split("\n");
  const seqs = [], times = [], sources = [], kinds = [], where = [], names = new Map();
  for (let i = 1; i < lines.length; i++) { // the first is the header
    if (!lines[i]) continue;
    let m = head.exec(lines[i]);
    if (!m) { // written by somebody else, or broken
      try { const e = JSON.parse(lines[i]); m = [0, e.seq || 0, e.at_ns || 0, JSON.stringify(String(e.source)), String(e.kind)]; } catch { m = [0, 0, times.at(-1) || 0, '"?"', "no event"]; }
    }
    let name = names.get(m[3]);
    if (name === undefined) { name = clean(JSON.parse(m[3])); names.set(m[3], name); }
    seqs.push(+m[1]); times.push(+m[2]); sources.push(name); kinds.push(clean(m[4])); where.push(i);
  }
  const order = Uint32Array.from(times.keys());
  if (times.some((at, i) => i && at < times[i - 1])) order.sort((a, b) => times[a] - times[b] || a - b);
  return { lines, seqs, times, sources, kinds, where, order };
}

// clean makes a foreign text fit for one line, as the rest of the page has it.
const clean = (text) => text.slice(0, 500).replace(/[\n\t]/g, " ").replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

// written is an event as JSON, with all that could hide something spelt out.
function written(event) {
  const most = 20000;
  const text = JSON.stringify(event, null, 2).replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  return text.length > most ? text.slice(0, most) + `\n… ${text.length - most} characters more in the raw history` : text;
}

// say tells an event on one line.
function say(e) {
  const part = [e.service, e.part].filter(Boolean).join("/"), a = e.attrs || {}, order = e.id ? " of order " + e.id : "";
  const words = { request: () => `${a.method || ""} ${e.path || ""}${order}`, response: () => `${e.status}${order}`, complete: () => `${e.status}${order}, to its last byte`,
    accept: () => `connection ${e.conn}`, close: () => `connection ${e.conn}: ${e.text} by ${a.by || "?"}`, line: () => e.text, phase: () => `${e.text} ${a.detail || ""}`,
    fault: () => `${e.id} ${e.text}`, tick: () => `late by ${span(Math.round((a.late_ns || 0) / 1000))}` };
  const text = Object.hasOwn(words, e.kind) ? words[e.kind]() : [part, e.id, e.text].filter(Boolean).join(" ");
  return clean([e.link, text, e.error].filter(Boolean).join("  "));
}

class EventList {
  constructor(bytes) {
    this.history = readHistory(bytes);
    for (const id of ["rows", "event", "find", "kind", "source", "count"]) this[id] = document.getElementById(id);
    this.space = make("div", "space");
    this.rows.append(this.space);
    for (const [menu, all] of [[this.kind, this.history.kinds], [this.source, this.history.sources]]) {
      menu.append(new Option("all", ""));
      for (const name of [...new Set(all)].sort()) menu.append(new Option(name.slice(0, 60), name));
    }
    this.listen();
    document.getElementById("list").hidden = false;
    this.filter();
    this.offer(bytes);
  }
  listen() {
    const { rows } = this, page = () => Math.floor(rows.clientHeight / rowHigh) - 1;
    const keys = { ArrowDown: () => this.at + 1, ArrowUp: () => this.at - 1, PageDown: () => this.at + page(), PageUp: () => this.at - page(), Home: () => 0, End: () => this.shown.length - 1 };
    rows.addEventListener("keydown", (e) => {
      if (!Object.hasOwn(keys, e.key) || !this.shown.length) return;
      e.preventDefault();
      this.choose(Math.max(0, Math.min(this.shown.length - 1, keys[e.key]())));
    });
    rows.addEventListener("click", (e) => { const row = e.target.closest(".row"); if (row) this.choose(+row.dataset.k); });
    rows.addEventListener("scroll", () => this.paint());
    let typing = 0;
    this.find.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => this.filter(), 150); });
    this.kind.addEventListener("change", () => this.filter());
    this.source.addEventListener("change", () => this.filter());
    document.getElementById("all").addEventListener("click", () => this.filter(""));
    new ResizeObserver(() => this.paint()).observe(rows);
  }
  parse(i) {
    const line = this.history.lines[this.history.where[i]];
    try { return JSON.parse(line); } catch { return { text: line }; }
  }

  // filter shows what the fields ask for; with a text of its own it is that, of any kind and source.
  filter(text) {
    if (text !== undefined) { this.find.value = text; this.kind.value = this.source.value = ""; }
    const { lines, kinds, sources, where, order } = this.history, want = this.find.value.toLowerCase(), k = this.kind.value, s = this.source.value;
    this.shown = !want && !k && !s ? order : order.filter((i) => (!k || kinds[i] === k) && (!s || sources[i] === s) && (!want || lines[where[i]].toLowerCase().includes(want)));
    this.space.style.height = this.shown.length * rowHigh + "px";
    this.count.textContent = `${this.shown.length} of ${order.length}`;
    this.choose(-1);
    this.rows.scrollTop = 0;
    this.paint();
  }
  paint() {
    const { rows, shown, history } = this, beyond = 8;
    const from = Math.max(0, Math.floor(rows.scrollTop / rowHigh) - beyond), to = Math.min(shown.length, Math.ceil((rows.scrollTop + rows.clientHeight) / rowHigh) + beyond);
    const out = [];
    for (let k = from; k < to; k++) {
      const i = shown[k], row = make("div", "row");
      row.style.top = k * rowHigh + "px"; row.dataset.k = k; row.id = "row-" + k;
      for (const [name, value] of Object.entries({ role: "option", "aria-selected": k === this.at, "aria-setsize": shown.length, "aria-posinset": k + 1 })) row.setAttribute(name, value);
      row.append(make("span", "t", seconds(history.times[i] / 1000)), make("span", "k", history.kinds[i]), make("span", "s dim", history.sources[i]), make("span", "", say(this.parse(i))));
      out.push(row);
    }
    this.space.replaceChildren(...out);
    if (this.at >= 0) rows.setAttribute("aria-activedescendant", "row-" + this.at); else rows.removeAttribute("aria-activedescendant");
  }
  choose(k) {
    this.at = k;
    this.event.hidden = k < 0;
    if (k < 0) return;
    const { rows, history } = this, i = this.shown[k], e = this.parse(i), title = make("div", "tools");
    title.append(make("strong", "", `${history.sources[i]} #${history.seqs[i]}`));
    if (typeof e.op === "string" && e.op) {
      const same = make("button", "", "only this operation");
      same.type = "button";
      same.addEventListener("click", () => this.filter(e.op));
      title.append(same);
    }
    this.event.replaceChildren(title, make("pre", "", written(e)));
    if (k * rowHigh < rows.scrollTop) rows.scrollTop = k * rowHigh;
    if ((k + 1) * rowHigh > rows.scrollTop + rows.clientHeight) rows.scrollTop = (k + 1) * rowHigh - rows.clientHeight;
    this.paint();
  }
  goTo(source, seq) {
    const i = this.history.seqs.findIndex((s, i) => s === seq && this.history.sources[i] === source);
    if (i < 0) return;
    if (!this.shown.includes(i)) this.filter("");
    const k = this.shown.indexOf(i);
    document.getElementById("events").scrollIntoView();
    this.rows.focus({ preventScroll: true });
    this.rows.scrollTop = Math.max(0, k * rowHigh - this.rows.clientHeight / 3);
    this.choose(k);
  }

  // offer lets the raw history be saved, byte for byte.
  offer(bytes) {
    const save = document.getElementById("save");
    save.hidden = false;
    save.addEventListener("click", () => {
      const a = make("a"), soon = 10000;
      a.href = URL.createObjectURL(new Blob([bytes], { type: "application/x-ndjson" })); a.download = "history.jsonl";
      a.click();
      setTimeout(() => URL.revokeObjectURL(a.href), soon);
    });
  }
}
