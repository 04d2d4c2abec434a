// Changes with their intervals: of each verdict, of the blocks of a race, and of one engine against another.

// Room for these shares and for no change, with round percentages.
function changeAxis(shares) {
  const range = roomy([...shares, 0]);
  const ticks = new Scale({ range }, 0, 1).ticks(6).map(([value]) => [value, value ? percent(value, Math.abs(value) < 0.01 ? 2 : 1) : "0"]);
  return { label: "change", range, ticks };
}

// The change of each number of a pair, and the verdict that limits it.
function ratiosOf(details) {
  const share = (bound) => (Number.isFinite(bound) && bound > 0 ? bound - 1 : null);
  return Object.entries(details.ratios).map(([kind, { value, lower, upper }]) => ({
    kind, change: value - 1, lower: share(lower), upper: share(upper),
    verdict: details.verdicts.find((one) => one.metric.toLowerCase().endsWith(kind) && one.limit !== null),
  }));
}

// Each change with its interval over its tolerance; of a race that of the race, and the stored one as a ring.
function gatesChart(details) {
  const found = details.verdicts.filter((one) => one.change !== null && one.kind !== "budget");
  if (!found.length) return null;
  const rows = found.flatMap(gateRows);
  const limit = Math.max(0.01, ...found.map((one) => Math.abs(one.limit ?? 0)));
  const most = Math.max(6 * limit, 1.1 * Math.max(...rows.map((row) => Math.abs(row.value))));
  const ends = rows.flatMap((row) => [row.value, row.low, row.high, ...(row.band ?? []), ...row.also]).filter(Number.isFinite);
  return {
    caption: "Changes against the baseline",
    note: `change with its interval over the tolerance${found.some((one) => one.finds) ? "; the bar is the smallest slowdown that would be found with 90 % power" : ""}`,
    wide: true, rows, x: changeAxis(ends.map((bound) => Math.max(-most, Math.min(bound, most)))),
  };
}

function gateRows(one) {
  const paint = one.failed ? "limit" : one.status === "pass" ? "kept" : "open";
  const band = one.limit === null ? null : [-Math.abs(one.limit), Math.abs(one.limit)];
  const finds = one.finds ? `; +${number(100 * one.finds, 2)}% would have been found` : "";
  const row = (name, { change, lower, upper }, more) => ({
    name, value: change, low: lower, high: upper, band, text: percent(change), also: [],
    hint: `${name}: ${percent(change)} [${lower === null ? "" : percent(lower)}, ${upper === null ? "" : percent(upper)}]${finds}`, ...more,
  });
  const also = one.finds ? [one.finds] : [];
  if (!one.race) return [row(one.metric, one, { colour: paint, also })];
  return [row(`${one.metric}, stored`, one, { colour: "then", shape: "ring", also }), row(`${one.metric}, race`, one.race, { colour: paint })];
}

// Each block of turns: new over reference, with the interval of all of them.
function blocksChart({ caption, note, blocks, change, lower, upper, limit, failed }) {
  const values = blocks.map((share) => 100 * share);
  const ends = [lower, upper].map((one) => (Number.isFinite(one) ? 100 * one : null));
  const colour = failed ? "limit" : "kept";
  const bands = [];
  if (Number.isFinite(limit)) bands.push({ name: `tolerance ${number(100 * Math.abs(limit), 3)}%`, from: -100 * Math.abs(limit), to: 100 * Math.abs(limit), colour: "then" });
  if (ends.every(Number.isFinite)) bands.push({ name: "interval", from: ends[0], to: ends[1], colour });
  const reach = [...values, 0, ...bands.flatMap((band) => [band.from, band.to])];
  return {
    caption, note, x: { label: "block", range: [0.5, values.length + 0.5], ticks: values.map((_, place) => [place + 1, String(place + 1)]) },
    panels: [{
      height: 180, label: "change, %", y: { range: roomy(reach) }, bands,
      levels: [{ at: 100 * change, text: percent(change, 2), colour, dash: "" }],
      series: [{ colour: "now", shape: "dot", size: 4, points: values.map((value, place) => [place + 1, value, `block ${place + 1}: ${percent(value / 100, 2)}`]) }],
    }],
  };
}

function raceCharts(details) {
  return details.verdicts.filter((one) => one.race?.blocks?.length).map(({ race, limit, metric, failed }) => blocksChart({
    ...race, limit, failed, caption: `Race by block, ${metric}`, note: `new engine over reference; ${race.extent}; reference ${race.source}`,
  }));
}

function pairBlocksCharts(details) {
  return ratiosOf(details).filter(({ kind }) => details.block_changes[kind]?.length).map(({ kind, change, lower, upper, verdict }) => blocksChart({
    caption: `Turns by block, ${kind}`, note: "new engine over reference", blocks: details.block_changes[kind], change, lower, upper,
    limit: verdict?.limit ?? null, failed: verdict?.failed ?? false,
  }));
}

function pairChart(details) {
  const rows = ratiosOf(details).map(({ kind, change, lower, upper, verdict }) => ({
    name: kind, value: change, low: lower, high: upper, text: percent(change, 2), also: verdict ? [verdict.limit] : [],
    colour: verdict?.failed ? "limit" : "now",
    hint: `${kind}: ${percent(change, 2)}${verdict ? `, limit ${percent(verdict.limit)}` : ""}`,
  }));
  if (!rows.length) return null;
  return {
    caption: "New engine against the reference",
    note: "change with its interval, and the limit as a bar; of times less is better, of throughput more",
    wide: true, rows, x: changeAxis(rows.flatMap((row) => [row.value, row.low, row.high, ...row.also])),
  };
}
