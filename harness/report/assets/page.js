// First the picture, then the list: the history may be long.
(async () => {
  let list = null, wanted = null, timeline = null;
  const goTo = (source, seq) => { if (list) list.goTo(source, seq); else wanted = [source, seq]; };
  document.addEventListener("click", (e) => {
    const a = e.target.closest("a[data-seq], a[data-at]");
    if (!a || !a.dataset.seq && !timeline) return;
    e.preventDefault();
    if (a.dataset.seq) goTo(a.dataset.source, +a.dataset.seq); else timeline.showMoment(a.dataset.at * 1e6);
  });
  const chart = JSON.parse(new TextDecoder().decode(await unpack("chart")));
  if (chart.ended > 0) { timeline = new Timeline(chart, goTo); hands(timeline); }
  performance.mark("drawn");
  if (document.getElementById("save")) {
    await new Promise((done) => setTimeout(done)); // let the browser show what is there
    list = new EventList(await unpack("history"));
    if (wanted) list.goTo(...wanted);
  }
  performance.mark("ready");
  document.documentElement.dataset.ready = "yes";
})();
