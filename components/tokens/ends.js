// Moving the ends of an answer's frame, by pointer and by key. Δ follows at once; Python hears of it at the end.

const PAUSE_BEFORE_TELLING = 350; // ms after the last key

class Ends {
  constructor(picture) {
    this.picture = picture;
    this.spans = new Map();
    this.drag = null;
  }

  /** Frames as the person left them, for rows that are there. */
  apply(rows) {
    for (const row of rows) {
      const span = this.spans.get(row.id);
      if (span && row.framed && span[1] <= row.length) row.frame(span);
    }
  }

  /** Move one end so that the frame begins or ends at boundary `to`; it keeps at least one token. */
  move(row, end, to) {
    const [first, last] = row.span;
    const span = end === "start" ? [bounded(to, 0, last - 1), last] : [first, bounded(to, first + 1, row.length)];
    if (span[0] === first && span[1] === last) return;
    this.set(row, span);
  }

  set(row, span) {
    row.frame(span);
    if (row.moved) this.spans.set(row.id, span);
    else this.spans.delete(row.id);
    this.picture.reframed(row);
  }

  /** By key: one step, told after a pause. */
  step(row, end, by) {
    if (!row?.framed) return this.picture.announce("No answer was found in this text.");
    this.move(row, end, row.span[end === "start" ? 0 : 1] + by);
    const i = end === "start" ? row.span[0] : row.span[1] - 1;
    const delta = row.delta === undefined ? "" : `, delta ${fixed(row.delta)}`;
    this.picture.announce(`The answer ${end}s with token ${i + 1}: ${spoken(row.label(i))}${delta}`);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), PAUSE_BEFORE_TELLING);
  }

  back(row) {
    this.set(row, row.found);
    this.picture.announce(`The answer is framed where it was found${row.delta === undefined ? "" : `, delta ${fixed(row.delta)}`}`);
    this.tell();
  }

  grab(event, grip) {
    const text = grip.closest(".text"), line = grip.closest(".list .row");
    const row = this.picture.byId.get((text || line).dataset.id);
    if (!row?.framed || event.button) return;
    event.preventDefault();
    this.drag = { row, end: grip.dataset.end, where: text ? "text" : "cells", from: row.span };
    this.picture.root.setPointerCapture(event.pointerId);
    this.picture.root.classList.add("dragging");
    this.picture.select(row.id, this.picture.node === row.id ? this.picture.index : row.span[0]);
    if (!text) return;
    const title = text.previousElementSibling;
    title.style.setProperty("--held", `${title.offsetHeight}px`);
    grip.focus();
  }

  pull(event) {
    const { row, end, where } = this.drag;
    const { board, strips } = this.picture;
    if (where === "cells") return this.move(row, end, Math.round(board.cellAt(row.id, event.clientX)));
    const i = strips.tokenAt(row, event.clientX, event.clientY);
    if (i !== undefined) this.move(row, end, end === "start" ? i : i + 1);
  }

  drop() {
    this.release();
    this.tell();
  }

  cancel() {
    const { row, from } = this.drag;
    this.release();
    this.set(row, from);
  }

  release() {
    this.drag = null;
    this.picture.root.classList.remove("dragging");
  }

  /** New data came while an end is held: go on with the row that took the old one's place. */
  renew() {
    if (!this.drag) return;
    const row = this.picture.byId.get(this.drag.row.id);
    if (row?.framed) this.drag.row = row;
    else this.release();
  }

  tell() {
    clearTimeout(this.timer);
    const sign = JSON.stringify([...this.spans]);
    if (sign === this.told) return;
    this.told = sign;
    this.picture.remember();
    this.picture.tell.spans(Object.fromEntries(this.spans));
  }

  /** What was told already, or kept from before: tell again where Python does not have it. */
  restore(kept, told) {
    this.spans = new Map(kept || Object.entries(told));
    this.told = JSON.stringify(Object.entries(told));
    this.tell();
  }
}

const bounded = (value, least, most) => Math.max(least, Math.min(most, value));
