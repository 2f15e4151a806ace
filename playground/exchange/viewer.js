// What the viewer shows of the sessions in #data. A run is drawn once, whole; the replay only shows and hides what
// stands at later events. Follows viewer-run.js.

const about = new WeakMap(); // an element that stands for a token: { node, i }
const WHOLE = 10; // seconds that the replay "in 10 s" takes
let page, replay, popAt;
let held = false; // what a link opened stays open while only the page moves under the pointer

function showRun(session, run) {
  const trace = fold(run);
  page = { run: run.id, trace, scene: new Scene(), strip: new Scene(), open: () => {} };
  const main = $("main");
  const parts = [...head(session, run, trace), bar(), card(trace), ...board(trace), ...nodes(trace), ...below(trace)];
  main.replaceChildren(...parts.filter(Boolean));
  replay = new Replay(trace);
  hidePop();
  for (const button of document.querySelectorAll("nav button")) {
    if (button.dataset.run === run.id) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function head(session, { created }, { started }) {
  const when = new Date(created * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const facts = [`${started.strategy} on ${started.model}`, `seed ${started.seed}`, when];
  if (session.tags.length) facts.push(`tags: ${session.tags.join(", ")}`);
  const note = session.note && write(el("p", "note"), session.note);
  return [write(el("h1"), started.question), write(el("div", "quiet"), facts.join(" · ")), note];
}

function bar() {
  const bar = el("div", "replay"), play = el("button", "", "Play");
  const scrubber = Object.assign(el("input"), { type: "range", min: 0, step: "any" });
  scrubber.setAttribute("aria-label", "Time in the run");
  const speeds = [[0, `in ${WHOLE} s`], ...[1, 2, 4, 8].map((n) => [n, `${n}×`])];
  const speed = el("select", "", ...speeds.map(([value, name]) => Object.assign(el("option", "", name), { value })));
  speed.setAttribute("aria-label", "Speed of the replay");
  bar.append(play, speed, scrubber, el("output"));
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Replay");
  return bar;
}

/** What the run cost, from the price in its own log; as `playground.trace.cost` computes it. */
function money({ local, price }, usage) {
  if (local) return "free";
  const [read, written] = [number(price?.input), number(price?.output)];
  const { calls = 0, prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0 } = usage;
  const counted = !calls || prompt_tokens || completion_tokens;
  if (!Number.isFinite(read) || !Number.isFinite(written) || !counted) return "price not known";
  const cached = number(price.cached) ?? read;
  const fresh = Math.max(0, prompt_tokens - cached_tokens);
  const dollars = (fresh * read + cached_tokens * cached + completion_tokens * written) / 1e6;
  return dollars === 0 ? "free" : `$${fixed(dollars, dollars < 1 ? 6 : 2)}`;
}

function card(trace) {
  const { answered, started, usage, correct, failure, status, warnings } = trace;
  const card = el("section", "card");
  card.setAttribute("aria-label", "Answer");
  const said = answered ? answered.text ?? "no answer" : failure ? "failed" : `${status}, no answer`;
  const marked = el("span", `mark ${correct ? "right" : "wrong"}`, mark(correct));
  const top = el("div", "", write(el("span", "said"), said), marked);
  const end = trace.over ?? trace.times.length - 1;
  const came = (part) => card.append(page.scene.appear(answered ? answered.at : end, part));
  came(top);
  const confidence = number(answered?.confidence);
  if (confidence !== undefined && confidence !== null) {
    const kind = answered.confidence_kind || "as the strategy measures it";
    came(write(el("p", "quiet"), `Confidence ${fixed(confidence)}: ${kind}`));
  }
  const gold = started.gold !== undefined && !correct && `The right answer is ${started.gold}.`;
  if (gold) came(write(el("p", "quiet"), gold));
  if (failure) came(write(el("p"), `${failure.message} ${failure.hint || ""}`));
  for (const { at, message } of warnings) {
    card.append(page.scene.appear(at, write(el("p", "quiet"), `Note: ${message}`)));
  }
  const facts = [
    ["Calls", usage.calls], ["Prompt tokens", usage.prompt_tokens], ["Completion tokens", usage.completion_tokens],
    ["Forward passes", usage.forward_passes],
  ].map(([name, value]) => [name, (value || 0).toLocaleString("en")]);
  facts.push(["Time", `${fixed(trace.times.at(-1), 2)} s`], ["Money", money(started, usage)]);
  const bill = el("dl", "", ...facts.map(([name, value]) => el("div", "", el("dt", "", name), el("dd", "", value))));
  card.append(page.scene.appear(end, bill));
  return card;
}

const isWritten = (node) => node.tokens.length > 0 || node.pieces.length > 0;

/** Where the last thing of a node came. */
const last = ({ at, tokens, pieces, titled, answer, closed, scores }) => {
  const things = [tokens.at(-1), pieces.at(-1), titled, answer, closed, ...scores.values()];
  return Math.max(at, ...things.filter(Boolean).map((thing) => thing.at));
};

/** Rows for runs with several branches, and the text of one of them below. */
function board(trace) {
  const rows = [...trace.nodes.values()].filter((node) => node.role === "branch" && isWritten(node));
  if (rows.length < 2) return [];
  rows.forEach((node, i) => Object.assign(node, { name: i + 1, inBoard: true }));
  const delta = (node) => node.scores.get("delta")?.value ?? -1;
  rows.sort((a, b) => delta(b) - delta(a) || a.name - b.name);
  const groups = [...new Set(rows.filter((node) => node.answer).map((node) => node.answer.canonical))];
  const board = el("div", "board");
  board.style.setProperty("--longest", Math.max(20, ...rows.map((node) => node.tokens.length)));
  const titles = [
    ["number", "branch"], ["cells", "tokens, one cell each"], ["answer", "answer"], ["delta", "Δ of the answer"],
    ["length", "tokens"],
  ];
  board.append(el("div", "row head", ...titles.map(([name, title]) => el("span", name, title))));
  const place = el("div");
  const buttons = rows.map((node) => row(node, groups));
  const select = (i) => {
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", String(n === i)));
    page.strip = new Scene();
    place.replaceChildren(section(rows[i], page.strip, `Branch ${rows[i].name}`));
    page.strip.seek(replay ? replay.passed : Infinity);
  };
  buttons.forEach((button, i) => {
    button.addEventListener("click", () => select(i));
    button.addEventListener("keydown", (event) => {
      const next = buttons[i + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] || 0)];
      if (!next || next === button) return;
      event.preventDefault();
      next.focus();
      next.click();
    });
  });
  board.append(...buttons);
  page.open = (node) => rows.includes(node) && select(rows.indexOf(node));
  replay = null;
  select(0);
  return [el("h2", "", "Branches"), board, place, legend()];
}

function row(node, groups) {
  const row = page.scene.appear(node.at, el("button", "row"));
  const chosen = el("span", "", node.closed?.status === "chosen" ? "✓ " : "");
  if (node.closed) page.scene.appear(node.closed.at, chosen);
  const cells = el("span", "cells", ...node.tokens.map((token, i) => cell(node, token, i)));
  if (!node.tokens.length) cells.append(el("span", "quiet", "text without tokens"));
  const answer = el("span", "answer");
  const value = node.scores.get("delta");
  const delta = el("span", "delta");
  if (node.answer) {
    const i = groups.indexOf(node.answer.canonical);
    row.style.setProperty("--group", GROUPS[i % GROUPS.length]);
    const chip = el("span", "chip", el("b", "", letters(i)), write(el("span"), node.answer.text));
    answer.append(page.scene.appear(node.answer.at, chip));
  }
  if (value) {
    const parts = [gauge(value.value), el("span", "", fixed(value.value))];
    delta.append(...parts.map((part) => page.scene.appear(value.at, part)));
  }
  const length = page.scene.appear(last(node), el("span", "length quiet", node.tokens.length));
  row.append(el("span", "number quiet", chosen, node.name), cells, answer, delta, length);
  const named = [`Branch ${node.name}`, node.answer ? `answer ${node.answer.text}` : "no answer"];
  if (value) named.push(`delta ${fixed(value.value)}`);
  row.setAttribute("aria-label", [...named, count(node.tokens.length, "token")].join(", "));
  row.type = "button";
  return row;
}

function cell(node, token, i) {
  const cell = page.scene.appear(token.at, el("i"));
  cell.style.setProperty("--v", share(1 - number(token.margin)));
  about.set(cell, { node, i });
  frame(node, i, cell, page.scene);
  return cell;
}

function frame({ answer }, i, where, scene) {
  if (answer && i >= answer.first_token && i < answer.last_token) scene.mark(answer.at, where, "in");
}

function gauge(value) {
  const fill = el("b");
  fill.style.width = `${100 * share(value)}%`;
  return el("span", "gauge", fill);
}

/** Every other node that something was written at. */
function nodes(trace) {
  const rest = [...trace.nodes.values()].filter((node) => !node.inBoard && (isWritten(node) || node.titled));
  let steps = 0;
  const parts = rest.map((node) => {
    const place = node.role === "step" ? `${++steps}. ` : "";
    return section(node, page.scene, place + (node.titled?.title || node.title || node.role));
  });
  const inBoard = [...trace.nodes.values()].some((node) => node.inBoard);
  if (!parts.length) return [];
  return [el("h2", "", steps ? "Steps" : inBoard ? "Further texts" : "Text"), ...parts, !inBoard && legend()];
}

function section(node, scene, title) {
  const facts = node.answer ? [`answer ${node.answer.text}`] : [];
  for (const [by, { value }] of node.scores) facts.push(`${by} ${fixed(value)}`);
  if (node.closed) facts.push(`${node.closed.status}${node.closed.reason ? `: ${node.closed.reason}` : ""}`);
  if (node.ended && node.ended !== "stop") facts.push(`ended: ${node.ended}`);
  if (node.spent || node.tokens.length) facts.push(count(node.spent || node.tokens.length, "token"));
  if (node.titled?.note) facts.push(node.titled.note);
  const part = el("section", "node", write(el("h3"), title), scene.appear(last(node), write(el("div", "facts"), facts.join(" · "))));
  part.style.setProperty("--depth", Math.min(8, Math.max(0, node.depth - 1)));
  if (node.titled) part.append(scene.appear(node.titled.at, write(el("div", "text read"), node.titled.content)));
  const raw = isWritten(node) && strip(node, scene, title);
  if (raw && node.titled) part.append(el("details", "", el("summary", "", "As the model wrote it"), raw));
  else if (raw) part.append(raw);
  return scene.appear(node.at, part);
}

function strip(node, scene, title) {
  const text = el("div", "text");
  if (!node.tokens.length) {
    text.append(...node.pieces.map((piece) => scene.appear(piece.at, write(el("span"), piece.text))));
    return text;
  }
  text.append(...node.tokens.map((token, i) => tokenOf(node, token, i, scene)));
  text.tabIndex = 0;
  text.dataset.node = node.id;
  text.setAttribute("role", "group");
  text.setAttribute("aria-label", `Tokens of ${title}; arrow keys walk along them`);
  let here = 0;
  const go = (i) => {
    text.children[here].classList.remove("here");
    const shown = text.querySelectorAll(":scope > :not(.later)").length;
    here = Math.max(0, Math.min(shown - 1, i));
    text.children[here].classList.add("here");
    showPop(text.children[here], true);
  };
  text.addEventListener("visit", ({ detail }) => go(detail));
  text.addEventListener("focus", () => text.matches(":focus-visible") && go(here));
  text.addEventListener("blur", () => (text.children[here].classList.remove("here"), hidePop()));
  text.addEventListener("keydown", (event) => {
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: Infinity }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  });
  return text;
}

function tokenOf(node, token, i, scene) {
  const span = scene.appear(token.at, write(el("span", "t"), node.texts[i]));
  const first = token.alternatives?.[0];
  if (token.chosen === "forced") span.classList.add("forced");
  else if (first && first[0] !== token.id) span.classList.add("drawn");
  span.style.setProperty("--warm", share((0.7 - number(token.margin)) / 0.7));
  const under = Math.round(Math.min(4, number(token.entropy) || 0));
  span.style.setProperty("--under", under);
  span.classList.toggle("line", under > 0);
  about.set(span, { node, i });
  frame(node, i, span, scene);
  return span;
}

function legend() {
  const key = (name, text, warm = 0, under = 0) => {
    const sample = el("span", `t ${name}${under ? " line" : ""}`, "token");
    sample.style.setProperty("--warm", warm);
    sample.style.setProperty("--under", under);
    return el("span", "", sample, ` ${text}`);
  };
  return el(
    "div", "legend", key("", "shaded: margin below 0.7", 0.8), key("", "underline: entropy, 1 pixel a bit", 0, 2),
    key("drawn", "not the likeliest"), key("forced", "put there by the strategy"), key("in", "the answer"),
    el("span", "", "cells rise as the margin falls"),
  );
}

function below({ calls, started }) {
  const prompts = el("details", "", el("summary", "", `Prompts sent (${calls.length})`));
  for (const call of calls) {
    prompts.append(
      page.scene.appear(call.at, write(el("div", "quiet"), `${call.purpose} (${call.node})`)),
      page.scene.appear(call.at, write(el("pre"), call.prompt)),
    );
  }
  const settings = el("details", "", el("summary", "", "Settings and versions"));
  const { params, versions = {} } = started;
  settings.append(write(el("pre"), JSON.stringify({ params, versions }, null, 1)));
  return [prompts, settings];
}

// The alternatives of a token

function showPop(where, tell = false) {
  const { node, i } = about.get(where);
  const token = node.tokens[i];
  const pop = $(".pop");
  const name = (id, text) => (text ? write(el("span", "label"), text, true) : el("span", "label quiet", `token ${id}`));
  const which = name(token.id, node.texts[i]);
  which.className = "which";
  const how = { forced: "put there by the strategy", sampled: "drawn", greedy: "the likeliest" }[token.chosen];
  const p = Math.exp(number(token.logprob));
  const place = `token ${i + 1} of ${node.tokens.length}`;
  const facts = `p ${fixed(p)} · margin ${fixed(number(token.margin))} · entropy ${fixed(number(token.entropy))} bits`;
  const others = (token.alternatives || []).slice(0, 10);
  const shares = others.map(([, , logprob]) => Math.exp(number(logprob)));
  const lines = others.map(([id, text], n) => line(id === token.id ? "✓" : "", name(id, text), shares[n]));
  const rest = 1 - shares.reduce((sum, p) => sum + (p || 0), 0);
  if (lines.length) lines.push(line("", el("span", "label quiet", "rest"), Math.max(0, rest)));
  else lines.push(el("div", "quiet", "No alternatives were recorded here."));
  pop.replaceChildren(which, el("div", "quiet", `${place} · ${how}`), el("div", "quiet", facts), ...lines);
  pop.hidden = false;
  placePop((popAt = where));
  if (tell) $("[aria-live]").textContent = `${place}: ${JSON.stringify(node.texts[i])}, ${facts}`;
}

function placePop(where) {
  const pop = $(".pop");
  const at = where.getClientRects()[0] || where.getBoundingClientRect();
  if (at.bottom < 0 || at.top > innerHeight) return hidePop();
  const { offsetWidth: width, offsetHeight: height } = pop;
  const under = at.bottom + 8 + height < innerHeight || at.top < height + 16;
  const top = under ? at.bottom + 8 : at.top - height - 8;
  pop.style.left = `${Math.max(8, Math.min(at.left - 10, innerWidth - width - 8))}px`;
  pop.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
}

function line(sign, label, p) {
  const line = el("div", "other", el("span", "", sign), label, gauge(p), el("span", "p", fixed(p)));
  line.classList.toggle("written", sign !== "");
  return line;
}

function hidePop() {
  $(".pop").hidden = true;
}

// Replay: the position in seconds of the run; the end shows everything

class Replay {
  constructor(trace) {
    this.times = trace.times;
    this.end = trace.times.at(-1);
    this.ats = [...trace.nodes.values()].flatMap((node) => node.tokens.map((token) => token.at)).sort((a, b) => a - b);
    [this.button, this.speed, this.scrubber, this.told] = $(".replay").children;
    this.scrubber.max = this.end;
    this.speed.value = this.end > WHOLE / 2 ? 1 : 0;
    this.button.disabled = this.scrubber.disabled = this.end === 0;
    this.button.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    this.scrubber.addEventListener("input", () => (this.pause(), this.go(Number(this.scrubber.value))));
    this.go(this.end);
  }

  play() {
    if (this.now >= this.end) this.go(0);
    this.playing = true;
    this.button.textContent = "Pause";
    let before;
    const step = (time) => {
      if (!this.playing || replay !== this) return;
      this.go(this.now + ((time - (before ?? time)) / 1000) * (Number(this.speed.value) || this.end / WHOLE));
      before = time;
      if (this.now < this.end) requestAnimationFrame(step);
      else this.pause();
    };
    requestAnimationFrame(step);
  }

  pause() {
    this.playing = false;
    this.button.textContent = "Play";
  }

  go(seconds) {
    this.now = Math.min(this.end, Math.max(0, seconds));
    this.scrubber.value = this.now;
    this.passed = before(this.times, this.now);
    page.scene.seek(this.passed);
    page.strip.seek(this.passed);
    const written = before(this.ats, this.passed - 1);
    const said = `${fixed(this.now, 1)} of ${fixed(this.end, 1)} s, ${written} of ${count(this.ats.length, "token")}`;
    this.told.textContent = said;
    this.scrubber.setAttribute("aria-valuetext", said);
  }
}

/** How many of the sorted values are at most `limit`. */
function before(values, limit) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Places: the address names a run, a node of it and a token of that, from 1, behind its "#"

function visit(all) {
  const place = new URLSearchParams(location.hash.slice(1));
  const named = place.get("run");
  const found = named === null ? all[0] : all.find(([, run]) => run.id === named);
  if (!found) return lost(`This file has no run “${named}”.`);
  if (page?.run !== found[1].id) showRun(...found);
  $(".lost")?.remove();
  const id = place.get("node"), number = place.get("token");
  if (id === null) return;
  const node = page.trace.nodes.get(id);
  if (!node) return lost(`This run has no node “${id}”.`);
  replay.pause();
  replay.go(replay.end);
  page.open(node);
  const text = [...document.querySelectorAll("[data-node]")].find((text) => text.dataset.node === id);
  if (!text || (number !== null && !(/^[0-9]+$/.test(number) && number > 0 && number <= node.tokens.length))) {
    return lost(number === null ? `Node “${id}” has no tokens.` : `There is no token “${number}” at “${id}”.`);
  }
  const fold = text.closest("details");
  if (fold) fold.open = true;
  text.scrollIntoView({ block: "center" });
  if (number === null) return;
  text.dispatchEvent(new CustomEvent("visit", { detail: number - 1 }));
  held = true;
}

function lost(why) {
  $(".lost")?.remove();
  const note = write(el("p", "lost note"), why);
  note.setAttribute("role", "alert");
  $("main").prepend(note);
}

/** Let the address lead to what was clicked. */
function point(place) {
  history.replaceState(null, "", `#${new URLSearchParams({ run: page.run, ...place })}`);
}

// The whole page

function start() {
  const { sessions } = JSON.parse($("#data").textContent);
  const all = sessions.flatMap((session) => session.runs.map((run) => [session, run]));
  const list = $("nav");
  for (const session of sessions) {
    const first = session.runs[0]?.events[0][1].question;
    const name = session.name ?? first ?? "A session without runs";
    list.append(write(el("h2"), name), el("div", "quiet", count(session.runs.length, "run")));
    for (const run of session.runs) {
      const last = run.events.findLast(([, event]) => event.kind === "answered")?.[1].text ?? "no answer";
      const end = run.events.findLast(([, event]) => event.kind === "run_finished")?.[1].correct;
      const said = write(el("span", "quiet"), last);
      const button = el("button", "", write(el("span"), run.events[0][1].strategy), said, mark(end).slice(0, 1));
      Object.assign(button, { type: "button", title: mark(end) }).dataset.run = run.id;
      button.addEventListener("click", () => {
        showRun(session, run);
        point({});
      });
      list.append(button);
    }
  }
  list.hidden = all.length < 2;
  document.addEventListener("pointerover", ({ target }) => {
    const token = target.closest?.(".t, .cells i");
    if (held) return;
    if (about.has(token)) showPop(token);
    else hidePop();
  });
  document.addEventListener("pointermove", ({ movementX, movementY }) => {
    if (movementX || movementY) held = false;
  });
  document.addEventListener("click", ({ target }) => {
    const token = target.closest?.(".t, .cells i");
    if (!about.has(token)) return;
    const { node, i } = about.get(token);
    point({ node: node.id, token: i + 1 });
    if (token.matches(".t")) token.parentNode.dispatchEvent(new CustomEvent("visit", { detail: i }));
  });
  document.addEventListener("scroll", () => $(".pop").hidden || placePop(popAt), true);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hidePop());
  addEventListener("hashchange", () => all.length && visit(all));
  if (all.length) {
    showRun(...all[0]);
    visit(all);
  } else $("main").append(el("p", "", "There is no run in this file."));
}

start();
