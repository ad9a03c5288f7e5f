// Draws the trend of the usage page. What it draws stands in the element; colours come from the style sheet.

const WRITE = {
  cost: (value) => (value == null ? "–" : `$${value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 })}`),
  tokens: (value) => (value == null ? "–" : new Intl.NumberFormat("en", { notation: "compact" }).format(value)),
  requests: (value) => (value == null ? "–" : value.toLocaleString("en")),
};
const DAY_S = 86400;

const place = document.querySelector("[data-chart]");
const legend = document.querySelector("[data-chart-legend]");
const data = place ? JSON.parse(place.dataset.chart) : null;
let plot;
let measure = "cost";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function stacked(names) {
  const sums = data.days.map(() => 0);
  return names.map((name) => data.series[name][measure].map((value, at) => (sums[at] += value)));
}

function draw() {
  if (!data) return;
  plot?.destroy();
  const names = Object.keys(data.series);
  const days = data.days.map((each) => Date.parse(`${each}T00:00:00Z`) / 1000);
  const tops = stacked(names);
  const bars = uPlot.paths.bars({ size: [0.72, 28], radius: 0.12 });
  // The highest stack is drawn first, so that the lower ones cover it.
  const order = names.map((name, at) => at).reverse();
  const series = order.map((at) => ({
    label: names[at],
    fill: colour(`--series-${(at % 5) + 1}`),
    width: 0,
    points: { show: false },
    paths: bars,
  }));
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  plot = new uPlot(
    {
      width: place.clientWidth,
      height: place.clientHeight,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { range: (_, low, high) => [low - DAY_S / 2, high + DAY_S / 2] }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.05 : 1] } },
      axes: [{ ...axis, grid: { show: false } }, { ...axis, size: 58, values: (_, all) => all.map(WRITE[measure]) }],
      series: [{}, ...series],
      hooks: { setCursor: [tell] },
    },
    [days, ...order.map((at) => tops[at])],
    place,
  );
  tell(plot);
}

function tell(drawn) {
  const at = drawn.cursor.idx;
  legend.replaceChildren(
    ...Object.keys(data.series).map((name, number) => {
      const made = document.createElement("span");
      const swatch = document.createElement("i");
      swatch.className = `swatch s${(number % 5) + 1}`;
      const values = data.series[name][measure];
      const value = at == null ? values.reduce((sum, each) => sum + each, 0) : values[at];
      made.append(swatch, `${name} ${WRITE[measure](value)}`);
      return made;
    }),
  );
  const day = document.createElement("span");
  day.textContent = at == null ? "all days" : data.days[at];
  legend.prepend(day);
}

document.querySelector("[data-chart-switch]")?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-measure]");
  if (!button) return;
  measure = button.dataset.measure;
  for (const each of button.parentElement.children) each.setAttribute("aria-pressed", String(each === button));
  draw();
});
document.addEventListener("precedent:theme", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (place) new ResizeObserver(() => plot && plot.setSize({ width: place.clientWidth, height: place.clientHeight })).observe(place);
draw();
