// A test over the nights: a panel for each number, a line for each host, and what changed on which night.

const HOST_COLOURS = ["now", "tail", "race", "kept", "open", "then"];
const ONE_HOST = "one host";

function hostOf(one) {
  return one.trend.host ?? ONE_HOST;
}

function nightsOf(one, all) {
  return all[one.nights].nights.map(([date]) => Date.parse(date));
}

function nightWords([date, record, commit]) {
  return `${date}, ${shortened(record, 60)}${commit ? `, ${commit.slice(0, 12)}` : ""}`;
}

function hostSeries(one, all, colour, named) {
  const at = nightsOf(one, all);
  const { nights } = all[one.nights];
  const points = one.values.map((value, place) => (value === null ? null
    : [at[place], value, `${one.trend.host ? `${one.trend.host}, ` : ""}${nightWords(nights[place])}: ${number(value, 5)} ${one.trend.unit}`]));
  return { name: named ? hostOf(one) : "measured", colour, line: true, shape: "dot", size: 2.2, points };
}

// The levels of a series: what stands last is acknowledged where that is its state.
function levelsOf(one, all) {
  const { trend } = one;
  const at = nightsOf(one, all);
  const [first, last] = [at[0], at.at(-1)];
  const starts = trend.changes.map((change) => Date.parse(change.night.date));
  const levels = trend.changes.length
    ? [[first, starts[0], trend.changes[0].before], ...trend.changes.map((change, place) => [starts[place], starts[place + 1] ?? last, change.after])]
    : trend.level === null ? [] : [[first, last, trend.level]];
  const steps = (name, colour, found) => ({ name, colour, line: true, wide: true,
    points: found.flatMap(([from, to, value]) => [[from, value], [to, value], null]) });
  const found = [];
  if (trend.state === "acknowledged" && levels.length) found.push(steps("acknowledged level", "kept", [levels.pop()]));
  if (levels.length) found.push(steps("level", "ink", levels));
  return found;
}

function metricPanel(metric, members, all, hosts, kind) {
  const named = hosts.length > 1;
  const series = members.map((one) => hostSeries(one, all, HOST_COLOURS[hosts.indexOf(hostOf(one))] ?? "then", named));
  const values = series.flatMap((one) => one.points.filter(Boolean).map(([, value]) => value));
  // With several hosts only the troubled ones have their levels drawn: the others would hide the lines.
  const shown = members.filter((one) => !named || one.trend.state === "alarm" || one.trend.state === "acknowledged").slice(0, 2);
  return {
    height: 130, label: `${metric}, ${members[0].trend.unit}`, y: { kind, range: roomy(values, { kind }) },
    series: [...shown.flatMap((one) => levelsOf(one, all)), ...series],
  };
}

function isSlower(trend, share) {
  return trend.unit === "qps" ? share < 0 : share > 0;
}

// Changes of level, one mark a night.
function levelMarks(series) {
  const nights = new Map();
  for (const { trend } of series) {
    for (const change of trend.changes) {
      const day = change.night.date;
      const known = nights.get(day);
      if (known) known.more.push(`${trend.metric} ${percent(change.change)}`);
      else nights.set(day, { trend, change, more: [`${trend.metric} ${percent(change.change)}`] });
    }
  }
  const marks = [...nights.entries()].map(([day, { trend, change, more }]) => ({
    x: Date.parse(day), colour: isSlower(trend, change.change) ? "limit" : "kept",
    label: `${day} ${percent(change.change)}`, text: `${day}: ${more.join(", ")}`,
  }));
  const [first] = series.map((one) => one.trend).filter((one) => one.since);
  if (first && !marks.length) marks.push({ x: Date.parse(first.since.date), label: "stands since", colour: "soft" });
  return marks;
}

// Changes of driver and libraries across the panels, those of the commit as ticks on the axis.
function softwareMarks(series, all) {
  const found = new Map();
  const commits = new Map();
  for (const one of series) {
    const at = nightsOf(one, all);
    const { nights, software } = all[one.nights];
    for (const [place, words] of software) {
      const text = `${nights[place][0]}: ${words.join(", ")}`;
      found.set(text, { x: at[place], colour: "race", dash: "dotted", label: words[0], text, low: true });
    }
    let before = null;
    nights.forEach(([date, , commit], place) => {
      if (commit && before && commit !== before) {
        commits.set(at[place], { x: at[place], colour: "soft", dash: "", short: true, text: `${date}: commit ${commit.slice(0, 12)}, was ${before.slice(0, 12)}` });
      }
      before = commit ?? before;
    });
  }
  return [...found.values(), ...commits.values()];
}

function trendChart(details, all, log) {
  const hosts = [...new Set(details.series.map(hostOf))].sort();
  const metrics = [...new Set(details.series.map((one) => one.trend.metric))];
  const known = details.series.flatMap((one) => nightsOf(one, all));
  const [first, last] = [Math.min(...known), Math.max(...known)];
  return {
    caption: "Over the nights",
    note: `${details.hardware_class}, ${details.backend}; dashed where a level changed, dotted where software did, a tick for another commit`,
    wide: true, marks: [...levelMarks(details.series), ...softwareMarks(details.series, all)].sort((a, b) => a.x - b.x),
    x: { kind: "time", range: [first, Math.max(last, first + DAY)] },
    panels: metrics.map((metric) => metricPanel(metric, details.series.filter((one) => one.trend.metric === metric), all, hosts, log ? "log" : "linear")),
  };
}

// Each number of the test on each host: its state, its level and what stands.
function metricsTable(details) {
  const rows = details.series.map(({ trend }) => [
    `${trend.metric}${trend.host ? ` on ${trend.host}` : ""}`, trend.state, trend.level === null ? "-" : `${number(trend.level)} ${trend.unit}`,
    trend.change === null ? "-" : percent(trend.change), trend.since?.date ?? "-", String(trend.measured), trend.message,
  ]);
  const made = table(["number", "state", "level", "change", "since", "nights", "what it says"], rows);
  return scrolled("Numbers of the test", made, "wide-table");
}
