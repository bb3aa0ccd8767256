// The timeline: what is in view, and what is selected in it.

class Timeline {
  constructor(chart, goTo) {
    Object.assign(this, { chart, goTo }, rowsOf(chart));
    this.box = document.getElementById("picture");
    this.tip = document.getElementById("tip");
    this.told = document.getElementById("told");
    this.range = document.getElementById("range");
    this.canvas = make("canvas");
    this.canvas.tabIndex = 0;
    for (const [name, value] of Object.entries({ role: "application", "aria-roledescription": "timeline", "aria-describedby": "help",
      "aria-label": "Timeline of orders, attempts, breakers and latency. Arrow keys walk through it, plus and minus zoom, Enter goes to the event. The story below tells the same as text." })) this.canvas.setAttribute(name, value);
    this.context = this.canvas.getContext("2d");
    const edge = (chart.ended - chart.began) * .01;
    this.whole = [Math.max(0, chart.began - edge), chart.ended + edge + 1];
    this.view = { lo: this.whole[0], hi: this.whole[1], left: 190, right: 12, width: 800 };
    this.selected = null;
    this.colours();
    this.box.replaceChildren(this.canvas);
    this.paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours(); this.repaint(); });
    new ResizeObserver(() => this.repaint()).observe(this.box);
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    this.colour = {};
    for (const name of ["ink", "dim", "grid", "card", "ok", "bad", "wait", "fore", "fault"]) this.colour[name] = style.getPropertyValue("--" + name).trim();
  }
  paint() {
    this.waiting = false;
    const { view, canvas, height } = this, ratio = window.devicePixelRatio || 1;
    view.width = Math.floor(this.box.clientWidth);
    view.left = view.width < 640 ? 8 : 190; // a phone has its labels above the lanes
    const [wide, high] = [Math.round(view.width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; canvas.style.height = height + "px"; }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(this.context, view, this.rows, height, this.chart, this.colour, this.selected);
    this.range.textContent = `${seconds(view.lo)} to ${seconds(view.hi)} s`;
    canvas.dataset.lo = Math.round(view.lo); canvas.dataset.hi = Math.round(view.hi);
  }
  repaint() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.paint());
  }

  // show brings a time into view: no less than 200 µs, and nothing beyond the run.
  show(lo, hi) {
    const [first, last] = this.whole, wide = Math.min(last - first, Math.max(200, hi - lo));
    this.view.lo = Math.max(first, Math.min(last - wide, lo + (hi - lo - wide) / 2));
    this.view.hi = this.view.lo + wide;
    this.repaint();
  }
  zoom(by, around = this.middle()) { this.show(around - (around - this.view.lo) * by, around + (this.view.hi - around) * by); }
  pan(us) { this.show(this.view.lo + us, this.view.hi + us); }
  middle() {
    const { selected, view } = this;
    return selected && selected.item.at >= view.lo && selected.item.at <= view.hi ? selected.item.at : (view.lo + view.hi) / 2;
  }
  showFault() {
    const f = this.chart.faults[0], edge = (f.to - f.from) * .15 + 1e5;
    this.show(f.from - edge, f.to + edge);
  }

  near(px, py) { return near(this.rows, this.view, px, py); }
  hint(found, px, py) {
    const { tip } = this;
    tip.hidden = !found;
    if (!found) return;
    tip.textContent = found.item.say;
    const frame = this.canvas.getBoundingClientRect(), below = frame.top + py + 18;
    tip.style.left = Math.max(4, Math.min(innerWidth - tip.offsetWidth - 4, frame.left + px + 14)) + "px";
    tip.style.top = (below + tip.offsetHeight > innerHeight ? frame.top + py - tip.offsetHeight - 12 : below) + "px";
  }
  select(found) {
    this.selected = found;
    this.told.replaceChildren();
    if (found) {
      const { row, item } = found;
      this.told.append(make("strong", "", `${row.label}${row.sub ? ", " + row.sub : ""}: `), item.say.replace(/\n/g, ", ") + " ");
      if (item.seq) {
        const go = make("a", "", "its event");
        go.href = "#events"; go.dataset.source = item.source; go.dataset.seq = item.seq;
        this.told.append(go);
      }
      if (item.at < this.view.lo || item.at > this.view.hi) this.pan(item.at - (this.view.lo + this.view.hi) / 2);
    }
    this.repaint();
  }
  open(found = this.selected) { if (found && found.item.seq) this.goTo(found.item.source, found.item.seq); }

  // walk goes to the item so many further in the same row, lane to the nearest one in a row further down.
  walk(by) {
    if (!this.selected) { this.lane(0); return; }
    const { row, index } = this.selected, i = Math.max(0, Math.min(row.items.length - 1, (index ?? 0) + by));
    this.select({ row, index: i, item: itemOf(row, i) });
  }
  lane(by) {
    const some = this.rows.filter((r) => r.items.length);
    if (!some.length) return;
    const row = some[Math.max(0, Math.min(some.length - 1, this.selected ? some.indexOf(this.selected.row) + by : 0))];
    this.toNearest(row, this.selected ? this.selected.item.at : this.chart.faults.length ? this.chart.faults[0].from : this.view.lo);
  }
  toNearest(row, at) {
    let best = 0;
    for (let i = 1; i < row.items.length; i++) if (Math.abs(itemTime(row, i) - at) < Math.abs(itemTime(row, best) - at)) best = i;
    this.select({ row, index: best, item: itemOf(row, best) });
  }

  // showMoment goes to the picture, where the story tells of a moment.
  showMoment(at) {
    const wide = Math.min(this.view.hi - this.view.lo, 12e6);
    this.show(at - wide / 2, at + wide / 2);
    this.canvas.scrollIntoView({ block: "center" });
    let best = null;
    for (const row of this.rows) for (let i = 0; i < row.items.length; i++) {
      const off = Math.abs(itemTime(row, i) - at);
      if (!best || off < best.off) best = { off, row, i };
    }
    if (best) this.select({ row: best.row, index: best.i, item: itemOf(best.row, best.i) });
  }
}
