// The rows that wire.py wrote: their numbers, and what each colour says of a token.
// All scripts of the token picture are joined into one module; see __init__.py for their order.

const NOT_ARGMAX = 1, FORCED = 2, SAMPLED = 4;
const MARGIN_UNITS = 1e7;

// What `r` counts, in the order of quadrants.py. The heights tell them apart where colours do not.
const QUADRANTS = [
  { name: "sure", says: "low entropy, low varentropy", up: 0.28, shade: 1 },
  { name: "torn", says: "high entropy, low varentropy", up: 0.8, shade: 1 },
  { name: "leaning", says: "low entropy, high varentropy", up: 0.55, shade: 1 },
  { name: "lost", says: "high entropy, high varentropy", up: 1, shade: 1 },
  { name: "between", says: "neither high nor low", up: 0.4, shade: 0 },
];

// `up` is how far a cell rises (0 sure, 1 torn); `shade` how warm the text is, nothing at p ≥ .7 or the like. A mode
// with a `tone` has colours instead of warmth, and says itself which tokens are uncertain.
const MODES = {
  margin: {
    name: "margin", scale: ["1", "0"], below: "shaded: margin below 0.7",
    up: (row, i) => gap(1 - row.margin(i)), shade: (row, i) => (0.7 - row.margin(i)) / 0.7,
  },
  probability: {
    name: "probability", scale: ["1", "0"], below: "shaded: probability below 0.7",
    up: (row, i) => gap(1 - row.p(i)), shade: (row, i) => (0.7 - row.p(i)) / 0.7,
  },
  entropy: {
    name: "entropy", scale: ["0", "4 bits"], below: "shaded: entropy above 1 bit",
    up: (row, i) => gap(row.entropy(i) / 4), shade: (row, i) => (row.entropy(i) - 1) / 3,
  },
  surprisal: {
    name: "surprisal", scale: ["0", "6 bits"], below: "shaded: surprisal above 0.5 bits (p below 0.7)",
    up: (row, i) => gap(row.surprisal(i) / 6), shade: (row, i) => (row.surprisal(i) - 0.5146) / 5.4854,
  },
  quadrant: {
    name: "quadrant",
    up: (row, i) => row.quadrant(i)?.up ?? NaN, shade: (row, i) => row.quadrant(i)?.shade ?? 0,
    tone: (row, i) => row.quadrant(i)?.name, uncertain: (row, i) => /torn|leaning|lost/.test(row.quadrant(i)?.name),
  },
};

const gap = (value) => (Number.isNaN(value) ? NaN : Math.min(1, Math.max(0, value)));
const column = (text) => (text ? text.split(",").map((part) => (part === "" ? NaN : Number(part))) : []);

class Row {
  /** `before` is the same row as it was drawn last: its alternatives stay where none are sent. */
  constructor(raw, data, before) {
    Object.assign(this, { raw, data, id: raw.id, flags: raw.f, fork: raw.fork });
    for (const name of ["t", "l", "h", "m", "k", "c", "q", "v"]) this[name] = column(raw[name]);
    this.length = this.t.length;
    this.known = data.sent ? this : before?.known || this;
    this.found = raw.found ? raw.found.slice(0, 2) : raw.span;
    this.foundDelta = raw.found ? raw.found[2] ?? undefined : raw.d;
    this.frame(null);
  }

  piece(i) { return this.data.texts[this.t[i]]; }
  p(i) { return Math.exp(-this.l[i] / 1e4); }
  logprob(i) { return -this.l[i] / 1e4; }
  surprisal(i) { return this.l[i] / 1e4 / Math.LN2; }
  entropy(i) { return this.h[i] / 1e3; }
  varentropy(i) { return this.v[i] / 1e3; }
  quadrant(i) { return QUADRANTS[this.raw.r?.[i]]; }
  margin(i) { return this.m[i] / MARGIN_UNITS; }
  has(i, flag) { return (Number(this.flags[i]) & flag) !== 0; }

  get name() {
    if (this.data.kind !== "branches") return this.raw.title || `text ${this.raw.n}`;
    return `${this.fork ? "fork" : "branch"} ${this.raw.n}`;
  }

  /** Frame tokens [first, last) as the answer, or what was found where `span` is null; Δ goes with it. */
  frame(span) {
    this.span = span || this.found;
    this.moved = Boolean(span) && (span[0] !== this.found[0] || span[1] !== this.found[1]);
    this.delta = this.moved ? this.meanMargin(...span) : this.foundDelta;
  }

  /** What the frame covers, as it stands in the text. */
  get covered() {
    return Array.from({ length: this.span[1] - this.span[0] }, (_, n) => this.piece(this.span[0] + n)).join("").trim();
  }
  get framed() { return Boolean(this.span) && this.length > 0 && !this.raw.w; }
  inAnswer(i) { return Boolean(this.span) && i >= this.span[0] && i < this.span[1]; }

  /** As in spans.py, to the last bit. */
  meanMargin(first, last) {
    let sum = 0;
    for (let i = first; i < last; i++) sum += this.m[i];
    return sum / (last - first) / MARGIN_UNITS;
  }

  /** The likeliest tokens at position i: [{ text, p, chosen, place }], the written one last if not among them. */
  alternatives(i) {
    const { k, c, data } = this.known;
    const flat = k[i] >= 0 ? column(data.moments[k[i]]) : [];
    const out = [];
    for (let n = 0; n < flat.length; n += 2) {
      const chosen = c[i] === n / 2;
      const text = chosen && this.raw.hex?.[i] ? this.label(i) : withBytes(data.texts[flat[n]]);
      out.push({ text, p: flat[n + 1] / 1e5, chosen, place: n / 2 });
    }
    if (c[i] < 0 && out.length) out.push({ text: this.label(i), p: this.p(i), chosen: true, place: null });
    return out;
  }

  /** What token i is called: its text, or a note where it has none by itself. */
  label(i) {
    const text = this.piece(i);
    if (!this.raw.hex?.[i]) return text === "" ? { note: "no text" } : text;
    const last = bytes(this.raw.hex[i]);
    return { note: text ? `${text} ends with ${last}` : `${last} part of a character` };
  }
}

/** Bytes that are no whole character, which the engine writes \xe2\x98, as ⟨e2 98⟩. */
function withBytes(text) {
  if (typeof text !== "string") return text;
  return text.replace(/(?:\\x[89a-f][0-9a-f])+/g, (run) => bytes(run.replaceAll("\\x", "")));
}

/** Hexadecimal digits in pairs; the narrow space between them is no text of a model's, which would be marked. */
const bytes = (hex) => `⟨${hex.match(/../g).join("\u2009")}⟩`;
