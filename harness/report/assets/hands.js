// Mouse, fingers, keys and buttons of the timeline.

function hands(timeline) {
  pointers(timeline);
  keyboard(timeline);
  const tools = document.getElementById("tools"), canvas = timeline.canvas;
  const buttons = { in: () => timeline.zoom(.5), out: () => timeline.zoom(2), whole: () => timeline.show(...timeline.whole), fault: () => timeline.showFault() };
  tools.addEventListener("click", (e) => { const b = e.target.closest("button"); if (b) buttons[b.dataset.do](); });
  tools.querySelector("[data-do=fault]").hidden = !timeline.chart.faults.length;
  tools.hidden = false;
  document.getElementById("help").textContent = "Seconds since the run began. Drag to pan; Ctrl and wheel, two fingers or + and − zoom; hover tells, a click goes to the event. The story below tells the same as text.";
  canvas.addEventListener("wheel", (e) => {
    const along = Math.abs(e.deltaX) > Math.abs(e.deltaY);
    if (!along && !e.ctrlKey && !e.metaKey && document.activeElement !== canvas) return; // the page scrolls
    e.preventDefault();
    timeline.tip.hidden = true;
    const { view } = timeline;
    if (along) timeline.pan(e.deltaX / plotWidth(view) * (view.hi - view.lo));
    else timeline.zoom(Math.exp(Math.max(-1, Math.min(1, e.deltaY / 300))), timeAt(view, pointOf(canvas, e)[0]));
  }, { passive: false });
}

function pointOf(canvas, e) {
  const frame = canvas.getBoundingClientRect();
  return [e.clientX - frame.left, e.clientY - frame.top];
}

// pointers: hover tells, a drag pans, two fingers zoom, a click goes to the event.
function pointers(timeline) {
  const { canvas, view, tip } = timeline, fingers = new Map(), aDrag = 4; // pixels
  let dragged = 0, apart = 0;
  canvas.addEventListener("pointerdown", (e) => { fingers.set(e.pointerId, pointOf(canvas, e)); dragged = apart = 0; });
  canvas.addEventListener("pointermove", (e) => {
    const [px, py] = pointOf(canvas, e), before = fingers.get(e.pointerId);
    if (!before) { timeline.hint(timeline.near(px, py), px, py); return; }
    fingers.set(e.pointerId, [px, py]);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()], now = Math.abs(a[0] - b[0]);
      if (apart > 8 && now > 8) timeline.zoom(apart / now, timeAt(view, (a[0] + b[0]) / 2));
      apart = now; dragged = aDrag + 1;
      return;
    }
    dragged += Math.abs(px - before[0]);
    if (dragged <= aDrag) return;
    if (!canvas.hasPointerCapture(e.pointerId)) canvas.setPointerCapture(e.pointerId);
    tip.hidden = true;
    timeline.pan((before[0] - px) / plotWidth(view) * (view.hi - view.lo));
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (e) => fingers.delete(e.pointerId));
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", (e) => {
    if (dragged > aDrag) return;
    const found = timeline.near(...pointOf(canvas, e));
    if (found && found.crowd) { timeline.zoom(.1, found.item.at); return; }
    timeline.select(found);
    timeline.open(found);
  });
}

function keyboard(timeline) {
  const { canvas } = timeline;
  const keys = { ArrowRight: () => timeline.walk(1), ArrowLeft: () => timeline.walk(-1), PageDown: () => timeline.walk(20), PageUp: () => timeline.walk(-20),
    ArrowDown: () => timeline.lane(1), ArrowUp: () => timeline.lane(-1), "+": () => timeline.zoom(.5), "=": () => timeline.zoom(.5), "-": () => timeline.zoom(2),
    0: () => timeline.show(...timeline.whole), Enter: () => timeline.open(), Escape: () => timeline.select(null) };
  canvas.addEventListener("keydown", (e) => {
    if (!Object.hasOwn(keys, e.key) || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    keys[e.key]();
  });
  canvas.addEventListener("focus", () => { if (!timeline.selected && canvas.matches(":focus-visible")) timeline.lane(0); });
}
