// What stands at a point of the picture, and how a view's pixels and times go over into each other.

const plotWidth = (view) => view.width - view.left - view.right;
const timeAt = (view, px) => view.lo + (px - view.left) / plotWidth(view) * (view.hi - view.lo);

// A row's items are a list of states, or the marks of a lane, of which an object is made only when asked for.
const itemOf = (row, i) => Array.isArray(row.items) ? row.items[i] : row.items.get(i);
const itemTime = (row, i) => Array.isArray(row.items) ? row.items[i].at : row.items.at(i);

// near gives {row, index, item}; in a crowd an item that stands for all in its column; null where there is nothing.
function near(rows, view, px, py) {
  const row = rows.find((r) => py >= r.top - 2 && py < r.top + r.height);
  if (!row || !row.items.length || px < view.left - 8) return null;
  if (Array.isArray(row.items)) return nearState(row, view, px);
  const many = row.kind === "lane" && dense(row, view);
  return many ? nearCrowd(row, view, px, many) : nearMark(row, view, px, py);
}

// nearState takes what is too short to be seen before what it stands in.
function nearState(row, view, px) {
  const at = timeAt(view, px), slack = 4 * (view.hi - view.lo) / plotWidth(view);
  let i = row.items.findIndex((s) => s.to - s.from < 2 * slack && Math.abs(s.at - at) <= slack);
  if (i < 0) i = row.items.findIndex((s) => s.from - slack <= at && at <= Math.max(s.to, s.from + slack));
  return i < 0 ? null : { row, index: i, item: row.items[i] };
}

function nearCrowd(row, view, px, many) {
  const wide = (view.hi - view.lo) / plotWidth(view) * binWidth, b = Math.floor((px - view.left) / binWidth);
  const count = bins(row, view, many).out[b];
  if (!count) return null;
  const lo = view.lo + b * wide, what = outcomeWords.map((w, k) => count[k] && count[k] + " " + w).filter(Boolean).join(", ");
  return { row, crowd: true, item: { at: lo + wide / 2, say: `${count[4]} between ${seconds(lo)} and ${seconds(lo + wide)} s: ${what}\nclick to zoom in` } };
}

function nearMark(row, view, px, py) {
  const [from, to] = inView(row.items, view), scale = plotWidth(view) / (view.hi - view.lo), latency = row.kind === "latency";
  const lifts = latency ? null : liftsOf(row, view, from, to), lane = middle(row, view);
  let best = -1, least = 14 * 14;
  for (let i = from; i < to; i++) {
    const m = row.lane.marks[i], dx = view.left + ((latency ? m[FROM] : row.items.at(i)) - view.lo) * scale - px;
    const dy = latency ? latencyAt(row, m[TOOK]) - py : (lane + lifts[i - from] - py) / 2;
    if (dx * dx + dy * dy < least) { least = dx * dx + dy * dy; best = i; }
  }
  if (best < 0 && !latency) { // on the line of one that lasts
    const at = timeAt(view, px);
    for (let i = from; i < to; i++) { const m = row.lane.marks[i]; if (m[FROM] <= at && at <= m[FROM] + m[TOOK]) best = i; }
  }
  return best < 0 ? null : { row, index: best, item: itemOf(row, best) };
}
