"use strict";

// Elements, numbers and what lies packed in the page. Texts never become markup.

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function shortened(text, longest) {
  if (text.length <= longest) return text;
  const half = Math.floor((longest - 1) / 2);
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}

function number(value, digits = 4) {
  if (value === null || value === undefined) return "-";
  return value.toLocaleString("en", { maximumSignificantDigits: digits });
}

// As messages have it: from +1000% on as a factor, and next to nothing left as such.
function percent(share, digits = 1) {
  if (share >= 10) return `${number(Math.round(1 + share), 7)}x`;
  if (share > -1 && share < -0.9995) return "<-99.9%";
  const size = Math.abs(100 * share).toFixed(digits);
  return `${share < 0 && Number(size) ? "-" : "+"}${size}%`;
}

async function unpacked(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(packed.length);
  // Uint8Array.from(packed, …) takes ten times as long, and there are megabytes.
  for (let place = 0; place < packed.length; place += 1) bytes[place] = packed.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function once(load) {
  let loading = null;
  return () => (loading ??= load());
}

const loadDetails = once(async () => JSON.parse(await unpacked("details")));
