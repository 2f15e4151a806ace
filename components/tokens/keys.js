// What keys do at a row, in a text, at an end of a frame, and among the alternatives.

class Keys {
  constructor(picture) {
    this.picture = picture;
  }

  press(event) {
    // AltGr is how many keyboards write brackets; it reports itself as Ctrl and Alt.
    if ((event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph")) return;
    const target = event.composedPath()[0];
    const done = this.escape(event, target) || this.inPop(event, target) || this.atGrip(event, target) || this.atRow(event, target);
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
  }

  escape({ key }, target) {
    const { pop, ends } = this.picture;
    if (key !== "Escape") return false;
    if (ends.drag) {
      ends.cancel();
      return true;
    }
    if (!pop.open) return false;
    const { where, id } = pop.open;
    const inside = pop.el.contains(target);
    pop.hide();
    if (inside) this.picture.focusRow(id, where);
    return true;
  }

  inPop({ key }, target) {
    const { pop } = this.picture;
    if (!pop.el.contains(target)) return false;
    const all = pop.buttons();
    const at = all.indexOf(target);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key];
    if (next === undefined) return false;
    all[next]?.focus();
    return true;
  }

  atGrip({ key }, target) {
    const end = target.closest?.(".grip")?.dataset.end;
    if (!end) return false;
    const { ends, byId } = this.picture;
    const row = byId.get(target.closest(".text").dataset.id);
    const far = row ? row.length : 0;
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -far, End: far }[key];
    if (by === undefined) return false;
    ends.step(row, end, by);
    return true;
  }

  atRow({ key }, target) {
    const line = target.closest?.(".list .row"), text = target.closest?.(".text");
    const row = this.picture.current();
    if ((!line && !text) || !row) return false;
    const move = this.moves(row, text ? "text" : "cells")[key.length === 1 ? key.toLowerCase() : key];
    if (!move) return false;
    move();
    return true;
  }

  moves(row, where) {
    const { picture } = this;
    const { index, ends, data } = picture;
    const last = row.length - 1;
    const { shade, uncertain = (...at) => shade(...at) > 0 } = MODES[picture.mode];
    const moves = {
      ArrowRight: () => picture.walk(Math.min(last, index + 1), where),
      ArrowLeft: () => picture.walk(Math.max(0, index - 1), where),
      Home: () => picture.walk(0, where),
      End: () => picture.walk(last, where),
      ArrowDown: () => this.step(1, where),
      ArrowUp: () => this.step(-1, where),
      u: () => this.seek(row, where, (i) => uncertain(row, i), "No uncertain token here."),
      d: () => this.seek(row, where, (i) => row.raw.p.includes(i), "No other branch parts from this one."),
      "[": () => ends.step(row, "start", -1),
      "]": () => ends.step(row, "start", 1),
      "{": () => ends.step(row, "end", -1),
      "}": () => ends.step(row, "end", 1),
      Enter: () => picture.pin(row.id, index, where),
      " ": () => picture.pin(row.id, index, where),
    };
    if (data.fork) moves.f = () => this.fork(row, where);
    if (data.link && row.length) moves.l = () => picture.copy(picture.address(row, index), `token ${index + 1} of ${row.name}`);
    return moves;
  }

  /** Open the alternatives with the keyboard on the first that was not written. */
  fork(row, where) {
    const { picture } = this;
    picture.pin(row.id, picture.index, where);
    const [first] = picture.pop.buttons();
    if (first) first.focus();
    else picture.announce("No other token is known here.");
  }

  step(by, where) {
    const { picture } = this;
    const row = picture.rows[picture.rows.findIndex((other) => other.id === picture.node) + by];
    if (!row) return;
    picture.select(row.id, picture.index);
    picture.walk(picture.index, where);
    picture.focusRow(row.id, where);
  }

  /** The next token after the cursor that fits, from the start again after the last. */
  seek(row, where, fits, none) {
    const { picture } = this;
    for (let n = 1; n <= row.length; n++) {
      const i = (picture.index + n) % row.length;
      if (fits(i)) return picture.walk(i, where);
    }
    picture.announce(none);
  }
}
