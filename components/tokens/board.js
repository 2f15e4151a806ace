// Branches as rows of cells, one cell a token, with what came of them at the right; below them a person's forks.

class Board {
  constructor(picture) {
    this.picture = picture;
    this.lines = new Map();
    this.el = el("div", "board");
    this.buildHead();
    this.list = this.el.appendChild(el("div", "list"));
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Branches, best first");
    this.list.setAttribute("aria-describedby", "help");
    this.forks = this.list.appendChild(el("div", "forks"));
    this.forks.setAttribute("role", "group");
    this.forks.setAttribute("aria-label", "Your forks");
    const heading = this.forks.appendChild(el("div", "heading"));
    heading.setAttribute("aria-hidden", "true");
    heading.append(el("span", "", "Your forks"));
  }

  buildHead() {
    this.head = this.el.appendChild(el("div", "row head"));
    this.head.setAttribute("aria-hidden", "true");
    const lead = this.head.appendChild(el("div", "lead"));
    lead.append(el("span", "number"), titled("first", "p(first)", "probability of the branch's first token"));
    this.headCells = this.head.appendChild(titled("cells", "", "taller and warmer where the model was torn"));
    const tail = this.head.appendChild(el("div", "tail"));
    tail.append(
      titled("answer", "answer", "equal answers share a letter and a colour"),
      titled("delta", "Δ answer", "mean of p(first) − p(second) over the answer's tokens, 0 to 1; the tick is the same mean over all tokens"),
      titled("lp", "mean ln p", "mean log-probability per token, in nats"),
      titled("length", "tokens", "length in tokens"),
    );
  }

  draw() {
    const { rows, data } = this.picture;
    if (data.kind !== "branches") return;
    const cells = rows.some((row) => row.length);
    setText(this.headCells, cells || !rows.some((row) => row.raw.x) ? "tokens, one cell each" : "text");
    const focused = this.picture.focused();
    this.order(this.list, rows.filter((row) => !row.fork), 0);
    this.order(this.forks, rows.filter((row) => row.fork), 1);
    this.forks.hidden = !rows.some((row) => row.fork);
    for (const [id, line] of this.lines) {
      if (this.picture.byId.has(id)) continue;
      line.el.remove();
      this.lines.delete(id);
    }
    if (focused && focused !== this.picture.focused() && this.list.contains(focused)) focused.focus();
    this.fit();
  }

  /** Draw rows as the children of `parent` from place `from` on, moving only those that stand elsewhere. */
  order(parent, rows, from) {
    rows.forEach((row, at) => {
      let line = this.lines.get(row.id);
      if (!line) this.lines.set(row.id, (line = newLine(row.id)));
      const there = parent.children[from + at];
      if (there !== line.el) parent.insertBefore(line.el, there || null);
      this.drawLine(line, row);
    });
  }

  redraw(row) {
    const line = this.lines.get(row.id);
    if (line) this.drawLine(line, row);
  }

  drawLine(line, row) {
    const { raw } = row;
    const group = this.picture.data.groups[raw.g];
    setText(line.number, raw.chosen ? `✓ ${raw.n}` : raw.n);
    setText(line.first, row.length ? fixed(row.p(0)) : "");
    this.drawCells(line, row);
    place(line.tick, raw.s > 0 && raw.s < row.length, raw.s);
    place(line.span, row.span && row.span[1] > row.span[0], row.span?.[0], row.span?.[1]);
    setText(line.words, raw.x ? raw.x.join("").slice(0, 300).replace(/\s+/g, " ") : "");
    line.el.style.setProperty("--group", group ? group[1] : "var(--quiet)");
    drawChip(line.answer, group, raw.a, without(row), row.moved ? row.covered : undefined);
    line.gauge.hidden = row.delta === undefined;
    line.fill.style.width = `${100 * gap(row.delta || 0)}%`;
    line.whole.hidden = raw.sd === undefined;
    line.whole.style.left = `${100 * gap(raw.sd ?? 0)}%`;
    setText(line.value, row.delta === undefined ? "" : fixed(row.delta));
    setText(line.lp, raw.lp === undefined ? "" : fixed(raw.lp));
    setText(line.length, row.length ? String(row.length) : "");
    line.el.classList.toggle("out", Boolean(out(row)));
    line.el.classList.toggle("moved", row.moved);
    line.el.classList.toggle("framed", row.framed);
    line.el.setAttribute("aria-label", describe(row));
    this.drawSelection(line, row);
  }

  drawCells(line, row) {
    const { track, drawn } = line;
    const { up, tone } = MODES[this.picture.mode];
    while (track.childElementCount > row.length) track.lastElementChild.remove();
    drawn.length = Math.min(drawn.length, row.length);
    for (let i = 0; i < row.length; i++) {
      const look = level(up(row, i)) + (tone?.(row, i) ? ` tone ${tone(row, i)}` : "") + (i < row.raw.s ? " s" : "") + (row.has(i, FORCED) ? " f" : "");
      if (drawn[i] === look) continue;
      const cell = track.children[i] || track.appendChild(el("i"));
      cell.className = drawn[i] = look;
    }
  }

  drawSelection(line, row) {
    const { node, index, walked } = this.picture;
    const selected = row.id === node;
    line.el.classList.toggle("selected", selected);
    line.el.setAttribute("aria-selected", String(selected));
    line.el.tabIndex = selected ? 0 : -1;
    place(line.cursor, selected && row.length > 0 && walked, index);
  }

  select() {
    for (const row of this.picture.rows) {
      if (this.lines.has(row.id)) this.drawSelection(this.lines.get(row.id), row);
    }
  }

  /** Cell width: narrows in steps while branches grow, so that rows do not breathe; scrolls below 3 px. */
  fit(resized = false) {
    const { rows, data, root } = this.picture;
    if (!rows || data.kind !== "branches") return;
    const longest = Math.max(1, ...rows.map((row) => row.length));
    const step = [40, 60, 80, 100, 125, 150, 200, 250].find((n) => n >= longest) || Math.ceil(longest / 100) * 100;
    const room = rows.some((row) => row.raw.w) || data.running ? step : longest;
    const letters = Math.max(...data.groups.map((group) => group[2].length + group[0].length), 3);
    const chip = Math.min(150, 48 + 8 * letters);
    const sign = `${room} ${chip} ${root.className}`;
    if (!resized && sign === this.fitted) return;
    this.fitted = sign;
    const { style } = this.el;
    style.setProperty("--chip", `${chip}px`);
    const free = this.el.clientWidth - this.head.firstChild.offsetWidth - this.head.lastChild.offsetWidth - 8;
    this.pitch = Math.max(3, Math.min(11, Math.floor((free / room) * 4) / 4));
    style.setProperty("--pitch", `${this.pitch}px`);
    style.setProperty("--gap", this.pitch < 5 ? "0.5px" : "1px");
    style.setProperty("--width", `${Math.ceil(this.pitch * room)}px`);
  }

  /** Which cell a point of the screen is over, as a fraction; cells are counted from 0. */
  cellAt(id, x) {
    return (x - this.lines.get(id).cells.getBoundingClientRect().left) / this.pitch;
  }

  anchor(id, i) {
    const cells = this.lines.get(id)?.cells.getBoundingClientRect();
    return cells && new DOMRect(cells.left + i * this.pitch, cells.top, this.pitch, cells.height);
  }

  /** Scroll sideways until the cell stands between the columns that stay. */
  reveal(i) {
    const left = this.head.firstChild.offsetWidth, right = this.head.lastChild.offsetWidth;
    const x = i * this.pitch, room = this.el.clientWidth - left - right;
    if (x < this.el.scrollLeft) this.el.scrollLeft = x - 20;
    else if (x + this.pitch > this.el.scrollLeft + room) this.el.scrollLeft = x + this.pitch + 20 - room;
  }

  focus(id) {
    this.lines.get(id)?.el.focus();
  }
}

function titled(className, text, title) {
  const node = el("span", className, text);
  node.title = title;
  return node;
}

function newLine(id) {
  const line = { el: el("div", "row"), drawn: [] };
  line.el.dataset.id = id;
  line.el.setAttribute("role", "option");
  const lead = line.el.appendChild(el("div", "lead"));
  line.number = lead.appendChild(el("span", "number"));
  line.first = lead.appendChild(el("span", "first"));
  line.cells = line.el.appendChild(el("div", "cells"));
  line.track = line.cells.appendChild(el("div", "track"));
  line.tick = line.cells.appendChild(el("b", "tick"));
  line.cursor = line.cells.appendChild(el("b", "cursor"));
  line.span = line.cells.appendChild(el("b", "span"));
  for (const end of ["start", "end"]) line.span.appendChild(el("b", `grip ${end}`)).dataset.end = end;
  line.words = line.cells.appendChild(el("span", "words"));
  const tail = line.el.appendChild(el("div", "tail"));
  line.answer = tail.appendChild(el("span", "answer"));
  line.delta = tail.appendChild(el("span", "delta"));
  line.gauge = line.delta.appendChild(el("span", "gauge"));
  line.fill = line.gauge.appendChild(el("b", "fill"));
  line.whole = line.gauge.appendChild(el("b", "whole"));
  line.value = line.delta.appendChild(el("span", "value"));
  line.lp = tail.appendChild(el("span", "lp"));
  line.length = tail.appendChild(el("span", "length"));
  return line;
}
