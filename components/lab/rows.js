// The table: a row for each of the likeliest tokens, in logit order whatever the settings, and one for all the others.
// Both probability scales are fixed: 0 to 1, or 10⁻⁶ to 1 by powers of ten.

const DECADES = 6;
// How much of a logit column the largest raw logit fills; the rest is room for T below 1.
const FILL = 0.5;

class Rows {
  constructor(onPick) {
    this.onPick = onPick;
    this.log = false;
    this.rows = [];
    this.root = el("div", "board");
    this.table = this.root.appendChild(el("table"));
    this.table.append(el("caption", "unseen", "The likeliest next tokens and what the settings do to them"));
    this.buildHead();
    this.body = this.table.appendChild(el("tbody"));
  }

  buildHead() {
    const columns = this.table.appendChild(el("colgroup"));
    for (const name of ["c-token", "c-logit", "c-logit", "c-bar", "c-value", "c-note"]) columns.append(el("col", name));
    const row = this.table.appendChild(el("thead")).appendChild(el("tr"));
    this.headToken = row.appendChild(el("th", "", "token"));
    this.headLogit = row.appendChild(el("th", "number", "logit"));
    this.headScaled = row.appendChild(el("th", "number", "logit ÷ T"));
    this.headBar = row.appendChild(el("th", "axis"));
    this.ticks = this.headBar.appendChild(el("div", "ticks"));
    this.headValue = row.appendChild(el("th", "number", "probability"));
    row.appendChild(el("th")).append(el("span", "unseen", "remark"));
    for (const head of row.children) head.scope = "col";
  }

  /** Lay out the rows of a new position; `view` is what Python sent, `logits` null where only some are known. */
  open(view, logits) {
    this.view = view;
    this.logits = logits;
    this.top = view.tokens.length;
    this.scale = FILL / Math.max(1e-6, ...this.tops().filter(Number.isFinite).map(Math.abs));
    this.rows = view.tokens.map((token, i) => this.row(token, i));
    this.rest = this.restRow();
    this.body.replaceChildren(...this.rows.map((row) => row.node), this.rest.node);
    this.root.classList.toggle("partial", !logits);
    this.drawTicks();
  }

  tops() {
    return this.logits ? Array.from(this.logits.subarray(0, this.top)) : [];
  }

  row(token, i) {
    const node = el("tr");
    const head = node.appendChild(el("th"));
    head.scope = "row";
    const name = head.appendChild(button("pick", undefined, () => this.onPick(token)));
    writeToken(name, token.text);
    name.title = this.view.able ? `Append ${spoken(token.text)} (token ${token.id}) and go on` : `token ${token.id}`;
    name.disabled = !this.view.able;
    if (this.view.able) name.setAttribute("aria-label", `append ${spoken(token.text)}`);
    const parts = this.cells(node);
    if (this.logits) this.drawLogit(parts.raw, this.logits[i], 1);
    return { node, ...parts };
  }

  restRow() {
    const node = el("tr", "rest");
    const head = node.appendChild(el("th"));
    head.scope = "row";
    const others = this.view.vocabulary === null ? null : this.view.vocabulary - this.top;
    head.append("rest ", el("span", "quiet", others === null ? "(all others)" : `(${count(others, "token")})`));
    const parts = this.cells(node);
    // The name needs the room of the two logit columns, which say nothing here.
    head.colSpan = 3;
    parts.raw.cell.remove();
    parts.scaled.cell.remove();
    return { node, ...parts };
  }

  cells(node) {
    const raw = this.logitCell(node), scaled = this.logitCell(node);
    const bar = node.appendChild(el("td", "axis")).appendChild(el("div", "bar"));
    const ghost = bar.appendChild(el("i", "ghost")), solid = bar.appendChild(el("i", "solid"));
    const value = node.appendChild(el("td", "number value"));
    const note = node.appendChild(el("td", "remark"));
    return { raw, scaled, ghost, solid, value, note };
  }

  logitCell(node) {
    const cell = node.appendChild(el("td", "logit"));
    const track = cell.appendChild(el("span", "track"));
    const fill = track.appendChild(el("i"));
    return { cell, track, fill, text: cell.appendChild(el("span", "figure")) };
  }

  drawLogit(cell, value, temperature) {
    const share = Math.abs(value) * this.scale;
    cell.fill.style.width = `${100 * Math.min(1, Number.isFinite(share) ? share : 1)}%`;
    cell.track.classList.toggle("beyond", share > 1);
    cell.track.classList.toggle("negative", value < 0);
    setText(cell.text, logitText(value));
  }

  /** Where a probability lies on the axis, 0 to 1. */
  place(p) {
    if (!this.log) return p;
    return p <= 0 ? 0 : Math.max(0, 1 + Math.log10(p) / DECADES);
  }

  useLog(log) {
    this.log = log;
    this.drawTicks();
  }

  drawTicks() {
    const linear = [[0, "0"], [0.25, "0.25"], [0.5, "0.5"], [0.75, "0.75"], [1, "1"]];
    const powers = [[0, "10⁻⁶"], [1 / 6, ""], [2 / 6, "10⁻⁴"], [3 / 6, ""], [4 / 6, "10⁻²"], [5 / 6, ""], [1, "1"]];
    this.root.classList.toggle("log", this.log);
    this.ticks.replaceChildren(...(this.log ? powers : linear).map(([at, name]) => {
      const tick = el("span", at === 0 ? "first" : at === 1 ? "last" : "", name);
      tick.style.left = `${100 * at}%`;
      return tick;
    }));
  }

  /** Draw a distribution beside the one with nothing cut at T = 1. */
  draw(now, before, settings) {
    for (let i = 0; i < this.top; i++) {
      const row = this.rows[i], cut = cutBy(now, i);
      this.drawLogit(row.scaled, scaledLogit(now, i), now.temperature);
      this.drawBar(row, probability(now, i), probability(before, i), cut > 0);
      setText(row.note, now.greedy && cut ? "not the max" : CUT_BY[cut]);
    }
    const rest = massFrom(now, this.top);
    const wholly = this.top >= now.kept, cuts = now.kept < now.size;
    this.drawBar(this.rest, rest, massFrom(before, this.top), wholly && now.size > this.top);
    setText(this.rest.note, wholly || !cuts ? "" : `${count(now.kept - this.top)} kept`);
    setText(this.headScaled, now.greedy ? "(T ignored)" : "logit ÷ T");
    this.mark(now.greedy);
  }

  /** Draw what a backend gave where it does not give all: probabilities as they are, the rest as one bar. */
  drawGiven() {
    this.view.tokens.forEach((token, i) => {
      this.drawBar(this.rows[i], Math.exp(token.logprob), Math.exp(token.logprob), false);
    });
    this.drawBar(this.rest, this.view.rest, this.view.rest, false);
    this.mark(false);
  }

  drawBar(row, p, before, cut) {
    row.node.classList.toggle("cut", cut);
    row.solid.style.width = `${100 * this.place(p)}%`;
    row.ghost.style.width = `${100 * this.place(before)}%`;
    setText(row.value, probabilityText(p));
  }

  /** Mark the arg-max where it is the choice, and the token that the path goes on with. */
  mark(greedy) {
    const { next } = this.view;
    const place = next ? this.view.tokens.findIndex((token) => token.id === next.id) : -1;
    this.rows.forEach((row, i) => {
      row.node.classList.toggle("best", greedy && i === 0);
      row.node.classList.toggle("chosen", i === place);
      const said = [greedy && i === 0 ? "▲ arg-max" : "", i === place ? "● chosen" : "", row.note.textContent];
      if (i === place || (greedy && i === 0)) setText(row.note, said.filter(Boolean).join(" · "));
    });
    const outside = Boolean(next) && place < 0;
    this.rest.node.classList.toggle("chosen", outside);
    if (outside) setText(this.rest.note, ["● chosen", this.rest.note.textContent].filter(Boolean).join(" · "));
  }
}
