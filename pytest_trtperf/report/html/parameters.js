// A test under all its parameters: what each takes, beside what the fastest does.

const MOST_PARAMETERS = 40;

// Parameters that take so many times as long as others have a logarithmic axis.
const WIDE = 10;

// The name of a test without its parameters, and these; null where it has none.
function parametersOf(key) {
  const [, test, parameters, name] = /^([^[]*)\[(.*)\]([^\]]*)$/s.exec(key) ?? [];
  return test === undefined ? null : { test: test + name, parameters };
}

// All measurements of the run that differ from this one in parameters alone, in their natural order.
function siblingsOf(details, data) {
  const own = parametersOf(details.key);
  const at = data.measurements.indexOf(details);
  if (!own || details.sweep) return [];
  const found = data.measurements.map((one, place) => ({ one, place, ...parametersOf(one.key) }))
    .filter(({ one, place, test }) => test === own.test && one.judged === details.judged && !one.sweep && data.run_of[place] === data.run_of[at]);
  return found.length > 1 ? found.sort((a, b) => COLLATOR.compare(a.parameters, b.parameters)) : [];
}

function parametersChart(details, data, log) {
  const found = siblingsOf(details, data);
  if (!found.length || !found.every(({ one }) => one.distributions[details.judged])) return null;
  const shown = found.slice(0, MOST_PARAMETERS);
  const least = Math.min(...found.map(({ one }) => one.summary[details.judged].median));
  const rows = shown.map(({ one, parameters }) => {
    const { now, then } = one.distributions[details.judged];
    const { median } = one.summary[details.judged];
    const before = then ? then[QUANTILES.indexOf(0.5)] : null;
    const times = `${number(median)} ms, ${number(median / least, 3)}x`;
    return {
      name: shortened(parameters, 40), value: median, low: now[QUANTILES.indexOf(0.05)], high: now[P99], text: times,
      colour: one === details ? "tail" : "now", also: before === null ? [] : [before],
      hint: `${shortened(parameters, 200)}: ${times}; P99 ${number(now[P99])} ms${before === null ? "" : `; baseline ${number(before)} ms`}`,
    };
  });
  const most = Math.max(...rows.map((row) => row.value));
  const kind = log || most > WIDE * least ? "log" : "linear";
  const values = rows.flatMap((row) => [row.value, row.low, row.high, ...row.also]);
  const some = found.length > shown.length ? `; the first ${shown.length} of ${found.length}` : "";
  return {
    caption: `${details.judged} under all parameters of the test`,
    note: `median, and how many times that of the fastest; the line is from P5 to P99, the bar is the baseline${some}`,
    wide: true, rows, x: { kind, label: "ms", range: roomy(values, { kind, zero: true }) },
  };
}

function parametersTable(details, data) {
  const found = siblingsOf(details, data);
  if (!found.length) return null;
  const rows = found.slice(0, MOST_LINES).map(({ one, place, parameters }) => {
    const { median, p99 } = one.summary[one.judged];
    const name = shortened(parameters, 120);
    return [one === details ? name : element("a", { href: `#${anchorOf("measurements", place)}` }, name), number(median), number(p99), number(one.throughput)];
  });
  return folded(`All parameters of the test (${found.length})`, table(["parameters", "median, ms", "P99, ms", "qps"], rows));
}
