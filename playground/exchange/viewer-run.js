"use strict";
// What the viewer knows: words and numbers, a run's events as a tree, and what is seen at which event. Everything a
// model or a person wrote is set as text.

const GROUPS = ["#1f6fd1", "#b8458f", "#00916a", "#94780a", "#2a9bd6", "#7a5cc4", "#7d8590"];
const UNWRITABLE = { NaN, Infinity, "-Infinity": -Infinity };
const $ = (selector) => document.querySelector(selector);

// Words and numbers

const number = (value) => (value && typeof value === "object" ? UNWRITABLE[value.$number] : value);
const fixed = (value, digits = 3) => {
  if (value === undefined || value === null || Number.isNaN(value)) return "not given";
  const least = 10 ** -digits;
  if (value > 0 && value < least / 2) return `<${least.toFixed(digits)}`;
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : String(value).replace("-", "−");
};
const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
const share = (value) => Math.min(1, Math.max(0, value || 0));
const letters = (i) => (i < 26 ? "" : letters(Math.floor(i / 26) - 1)) + String.fromCharCode(65 + (i % 26));
const mark = (correct) => (correct === undefined || correct === null ? "" : correct ? "✓ right" : "✗ wrong");

const ODD = /([\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\n)/;
const NAMES = { "\n": "⏎", "\t": "⇥", "\r": "␍" };

/** Text as it stands; what cannot be seen, or would turn the line around, gets a mark. */
function write(node, text, oneLine = false) {
  for (const part of text.split(ODD)) {
    if (!ODD.test(part)) {
      if (part) node.append(oneLine ? part.replaceAll(" ", "␣") : part);
      continue;
    }
    const code = part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    node.append(el("span", "odd", NAMES[part] || `U+${code}`));
    if (!oneLine && (part === "\n" || part === "\t")) node.append(part);
  }
  return node;
}

function el(tag, className = "", ...inner) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...inner);
  return node;
}

// A run's events as a tree; `at` is the place of the event that brought a thing.

function fold({ events }) {
  const run = { nodes: new Map(), calls: [], warnings: [], usage: {}, times: [], tokens: 0, status: "interrupted" };
  let now = 0;
  events.forEach(([time, event], at) => {
    now = Math.max(now, time - events[0][0]);
    run.times.push(now);
    apply(run, event, at);
  });
  for (const node of run.nodes.values()) node.texts = texts(node.tokens);
  return run;
}

function nodeOf(run, id, at, parent = run.nodes.keys().next().value, role = "branch", title = "") {
  if (!run.nodes.has(id)) {
    const depth = parent !== undefined && run.nodes.has(parent) ? run.nodes.get(parent).depth + 1 : 0;
    run.nodes.set(id, { id, role, title, depth, at, tokens: [], pieces: [], scores: new Map(), spent: 0 });
  }
  return run.nodes.get(id);
}

function apply(run, event, at) {
  const node = typeof event.node === "string" && event.kind !== "node_opened" && nodeOf(run, event.node, at);
  switch (event.kind) {
    case "run_started": run.started = event; break;
    case "node_opened": nodeOf(run, event.node, at, event.parent, event.role, event.title || ""); break;
    case "call_started": run.calls.push({ ...event, at }); break;
    case "token": node.tokens.push({ ...event, at }); run.tokens += 1; break;
    case "text": node.pieces.push({ text: event.text, at }); break;
    case "titled": node.titled = { ...event, at }; break;
    case "text_ended": node.ended = event.reason; break;
    case "spent":
      for (const [name, n] of Object.entries(event.usage)) run.usage[name] = (run.usage[name] || 0) + n;
      node.spent += event.usage.completion_tokens || 0;
      break;
    case "node_scored": node.scores.set(event.by, { value: number(event.value), what: event.what, at }); break;
    case "node_closed": node.closed = { ...event, at }; break;
    case "answer_found": node.answer = { ...event, at }; break;
    case "warning": run.warnings.push({ ...event, at }); break;
    case "answered": run.answered = { ...event, at }; break;
    case "run_finished": run.status = "finished"; run.correct = event.correct; run.over = at; break;
    case "run_failed": run.status = "failed"; run.failure = event; run.over = at; break;
    case "run_cancelled": run.status = "cancelled"; run.over = at; break;
  }
}

/** What each token shows: a character whose bytes are spread over tokens stands at the last of them. */
function texts(tokens) {
  let decoder = new TextDecoder();
  return tokens.map((token) => {
    if (!token.hex) {
      const rest = decoder.decode();
      decoder = new TextDecoder();
      return rest + token.text;
    }
    return decoder.decode(Uint8Array.from(token.hex.match(/../g), (pair) => parseInt(pair, 16)), { stream: true });
  });
}

// What comes when: classes that are put on or off as the replay passes an event

class Scene {
  constructor() {
    this.items = [];
    this.done = 0;
  }

  /** `node` is seen from event `at` on. */
  appear(at, node) {
    this.items.push([at, node, "later", false]);
    return node;
  }

  /** `node` has this class from event `at` on. */
  mark(at, node, name) {
    this.items.push([at, node, name, true]);
  }

  /** Show the state after the first `n` events. */
  seek(n) {
    if (!this.sorted) {
      this.items.sort((a, b) => a[0] - b[0]);
      for (const [, node, name, on] of this.items) node.classList.toggle(name, !on);
      this.sorted = true;
    }
    const put = ([, node, name, on], passed) => node.classList.toggle(name, passed === on);
    while (this.done < this.items.length && this.items[this.done][0] < n) put(this.items[this.done++], true);
    while (this.done && this.items[this.done - 1][0] >= n) put(this.items[--this.done], false);
  }
}
