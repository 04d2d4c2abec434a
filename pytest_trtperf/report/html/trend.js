// A series over the nights, with its levels and the nights on which it changed.

function trendChart(details, nights) {
  const { trend, values } = details;
  const days = nights[details.nights];
  const at = days.map(([created]) => Date.parse(created));
  const words = days.map(([created, record, commit]) =>
    `${created.slice(0, 10)}, ${shortened(record, 60)}${commit ? `, ${commit.slice(0, 12)}` : ""}`);
  const points = values.map((value, place) => (value === null || isNaN(at[place]) ? null
    : [at[place], value, `${words[place]}: ${number(value, 5)} ${trend.unit}`]));
  const series = [{ name: trend.metric, colour: "now", line: true, shape: "dot", size: 2.2, points }];
  const known = at.filter((one) => !isNaN(one));
  const [first, last] = [Math.min(...known), Math.max(...known)];
  const starts = trend.changes.map((one) => Date.parse(one.night.created));
  const levels = trend.changes.length
    ? [[first, starts[0], trend.changes[0].before], ...trend.changes.map((one, place) => [starts[place], starts[place + 1] ?? last, one.after])]
    : trend.level === null ? [] : [[first, last, trend.level]];
  const steps = (name, colour, found) => ({ name, colour, line: true, wide: true,
    points: found.flatMap(([from, to, value]) => [[from, value], [to, value], null]) });
  if (trend.state === "acknowledged" && levels.length) series.push(steps("acknowledged level", "kept", [levels.pop()]));
  if (levels.length) series.push(steps("level", "tail", levels));
  const slower = (share) => (trend.unit === "qps" ? share < 0 : share > 0);
  const marks = trend.changes.map((one, place) => ({
    x: starts[place], colour: slower(one.change) ? "limit" : "kept",
    label: `${one.night.created.slice(0, 10)} ${percent(one.change)}`, text: `level changed by ${percent(one.change)}`,
  }));
  if (trend.since && !marks.length) marks.push({ x: Date.parse(trend.since.created), label: "stands since", colour: "soft" });
  return {
    caption: `${trend.metric} over the nights`,
    note: `${trend.hardware_class}, ${trend.backend}; dashed where the level changed`,
    wide: true, marks,
    x: { kind: "time", range: [first, Math.max(last, first + DAY)] },
    panels: [{ height: 240, label: trend.unit, y: { range: roomy(series.flatMap((one) => one.points.filter(Boolean).map(([, value]) => value))) }, series }],
  };
}
