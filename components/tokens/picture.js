// The picture as a whole: what is looked at, what the pointer does, what Python hears. Updates in place, so that
// hovering and selection survive every refresh. `memory` keeps them when Streamlit mounts the picture again.

const TIME_TO_SETTLE = 1500; // ms in which a page that is just opened may still push the picture about
const TIME_TO_READ = 2000; // ms

const pictures = new WeakMap();
const memory = new Map();

export default function (component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  let picture = pictures.get(parentElement);
  if (!picture) pictures.set(parentElement, (picture = new Picture(parentElement)));
  picture.tell = {
    selected: (value) => setStateValue("selected", value),
    spans: (value) => setStateValue("spans", value),
    fork: (value) => setTriggerValue("fork", value),
  };
  picture.update(data);
  return () => {
    picture.close();
    pictures.delete(parentElement);
  };
}

class Picture {
  constructor(parent) {
    this.stop = new AbortController();
    this.root = el("div", "picture");
    this.asked = []; // forks of which Python has not been seen to have heard
    this.parts = [Bar, Board, Sums, Strips, Legend].map((Part) => new Part(this));
    [, this.board, , this.strips] = this.parts;
    this.live = el("div", "unseen");
    this.live.setAttribute("aria-live", "polite");
    this.pop = new Pop(this);
    this.ends = new Ends(this);
    this.keys = new Keys(this);
    this.root.append(...this.parts.map((part) => part.el), this.live, this.pop.el);
    parent.append(this.root);
    this.listen();
    this.watcher = new ResizeObserver(() => this.board.fit(true));
    this.watcher.observe(this.board.el);
  }

  close() {
    this.stop.abort();
    this.watcher.disconnect();
    this.pop.hide();
    this.root.remove();
  }

  // ------------------------------------------------------------------------------------------ update

  update(data) {
    const before = this.data;
    const other = !before || before.run !== data.run || before.kind !== data.kind || before.key !== data.key;
    const known = other ? new Map() : this.byId;
    this.data = data;
    this.rows = data.rows.map((raw) => new Row(raw, data, known.get(raw.id)));
    this.byId = new Map(this.rows.map((row) => [row.id, row]));
    this.uneven = this.rows.some((row) => row.v.length);
    if (other) this.restore();
    this.ends.apply(this.rows);
    this.ends.renew();
    if (!this.picked || !this.byId.has(this.node)) this.node = this.preferred();
    this.index = bounded(this.index, 0, Math.max(0, (this.current()?.length || 1) - 1));
    const cells = this.rows.some((row) => row.length);
    this.root.classList.toggle("strip-only", data.kind === "strip");
    this.root.classList.toggle("deltas", this.rows.some((row) => row.delta !== undefined) || (data.running && cells));
    this.root.classList.toggle("textual", !cells && this.rows.some((row) => row.raw.x));
    this.draw();
    this.pop.refresh();
    this.asked = this.asked.filter(({ n }) => n > data.heard);
    this.visit();
    if (!other) this.welcome(this.rows.filter((row) => row.fork && !known.has(row.id)));
  }

  restore() {
    const kept = memory.get(this.data.key) || {};
    const same = kept.run === this.data.run;
    this.wanted = kept.mode;
    this.node = same ? kept.node : undefined;
    this.index = same ? kept.index : 0;
    this.picked = same && Boolean(kept.picked);
    this.visited = same ? kept.visited : undefined;
    this.ends.restore(same && kept.spans, this.data.spans);
    this.pop.hide();
  }

  remember() {
    const { wanted, node, index, picked, visited } = this;
    memory.set(this.data.key, { run: this.data.run, mode: wanted, node, index, picked, visited, spans: [...this.ends.spans] });
  }

  /** The colour asked for, where there is what it needs. */
  get mode() {
    if (this.wanted && (this.wanted !== "quadrant" || this.uneven)) return this.wanted;
    return this.data.kind === "strip" ? "probability" : "margin";
  }

  preferred() {
    const best = this.data.running ? undefined : this.rows.find((row) => row.raw.chosen);
    return (best || this.rows[0])?.id;
  }

  /** A fork that was asked for here has come: look at it. */
  welcome(forks) {
    if (!this.forking || !forks.length) return;
    this.forking = false;
    const { id } = forks.at(-1);
    const atRow = this.focused()?.matches(".list .row");
    this.select(id, this.index);
    if (atRow) this.focusRow(id, "cells");
  }

  /** Go, once, where a link that was followed leads: to a row, or to a token with its alternatives open. */
  visit() {
    const { target, kind } = this.data;
    const row = target && this.byId.get(target.row);
    if (!row || target.sign === this.visited || (target.index ?? -1) >= row.length) return;
    this.visited = target.sign;
    const where = kind === "strip" ? "text" : "cells";
    this.walked = target.index !== null;
    this.reported = JSON.stringify([this.data.run, row.id, target.index]); // Python knows
    this.select(row.id, target.index ?? 0);
    this.focusRow(row.id, where); // so that arrow keys go on from here and Escape closes
    const until = performance.now() + TIME_TO_SETTLE;
    let top;
    // What stands above may still be on its way and push this down.
    const stay = () => {
      if (this.stop.signal.aborted || this.node !== row.id || this.data.target?.sign !== target.sign) return;
      const at = this.anchor(row.id, this.index, where) || this.root.getBoundingClientRect();
      if (at.top !== top) {
        this.reveal(row, where);
        top = (this.anchor(row.id, this.index, where) || this.root.getBoundingClientRect()).top;
        if (this.walked) this.pin(row.id, this.index, where);
      }
      if (performance.now() < until && !this.touched) requestAnimationFrame(stay);
    };
    requestAnimationFrame(stay);
  }

  reveal(row, where) {
    if (where === "cells") {
      this.board.lines.get(row.id)?.el.scrollIntoView({ block: "center" });
      this.board.reveal(this.index);
    } else this.strips.reveal(row, this.index, "center");
  }

  draw() {
    for (const part of this.parts) part.draw();
  }

  /** The frame of a row has moved. */
  reframed(row) {
    this.board.redraw(row);
    this.strips.redraw(row);
    this.parts.at(-1).draw();
    this.pop.hide();
  }

  current() {
    return this.byId.get(this.node);
  }

  focused() {
    return this.root.getRootNode().activeElement;
  }

  // ---------------------------------------------------------------------------------- what is looked at

  select(id, index = 0) {
    if (!this.byId.has(id)) return;
    const moved = id !== this.node;
    this.node = id;
    this.index = Math.max(0, Math.min(index, this.byId.get(id).length - 1));
    this.picked = true;
    this.remember();
    this.board.select();
    if (moved) this.draw();
    else this.strips.select();
  }

  walk(i, where) {
    const row = this.current();
    if (!row) return;
    this.walked = true;
    this.select(row.id, i);
    if (!row.length) return this.pop.hide();
    if (where === "text") this.strips.reveal(row, this.index);
    else this.board.reveal(this.index);
    this.pop.show(row.id, this.index, where);
    this.say(row, this.index);
  }

  /** Keep the alternatives open, and let Python know which token is looked at. */
  pin(id, i, where) {
    if (!this.byId.get(id)?.length) return;
    this.pop.show(id, i, where, true);
    const sign = JSON.stringify([this.data.run, id, i]);
    if (sign === this.reported) return;
    this.reported = sign;
    this.tell.selected({ row: id, index: i });
  }

  fork(place) {
    const { id, i, where } = this.pop.open;
    const row = this.byId.get(id);
    const { text } = row.alternatives(i).find((alternative) => alternative.place === place);
    this.forking = true;
    this.select(id, i);
    this.pop.hide();
    this.focusRow(id, where);
    this.announce(`Forking ${row.name} at token ${i + 1} with ${spoken(text)}`);
    // A later trigger takes an earlier one's place until Python has run, so each says all that is still to be heard.
    const n = Math.max(Date.now(), (this.asked.at(-1)?.n || this.data.heard) + 1);
    this.asked = [...this.asked, { n, row: id, index: i, alternative: place }];
    this.tell.fork(this.asked);
  }

  /** Where a row, or token i of it, can be found again; "" where there is no such page. */
  address(row, i) {
    if (!this.data.link) return "";
    const at = row.id.indexOf(":");
    const where = new URLSearchParams({ run: row.id.slice(0, at), node: row.id.slice(at + 1) });
    if (i !== undefined) where.set("token", i + 1);
    return new URL(`${this.data.link}?${where}`, location.href).href;
  }

  /** Copy an address; resolves to whether the browser allowed it. */
  async copy(address, what) {
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      this.announce("The browser did not allow the link to be copied.");
      return false;
    }
    this.announce(`Link to ${what} copied`);
    return true;
  }

  /** A click on a link copies it; where the browser has no clipboard for us, it opens like any link. */
  async copyLink(event, anchor) {
    if (!navigator.clipboard || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { said } = anchor.dataset;
    setText(anchor, (await this.copy(anchor.href, anchor.dataset.what)) ? "Copied" : "Not allowed");
    setTimeout(() => setText(anchor, said), TIME_TO_READ);
  }

  /** Where token i of a row stands on screen, in the cells or in the text. */
  anchor(id, i, where) {
    return where === "text" ? this.strips.anchor(this.byId.get(id), i) : this.board.anchor(id, i);
  }

  /** Move the keyboard to a row or its text, without opening anything. */
  focusRow(id, where) {
    this.silent = true;
    if (where === "text") this.strips.focus(this.byId.get(id));
    else this.board.focus(id);
    this.silent = false;
  }

  say(row, i) {
    const parts = [`token ${i + 1} of ${row.length}: ${spoken(row.label(i))}`, `p ${fixed(row.p(i))}`, `margin ${fixed(row.margin(i))}`, `entropy ${fixed(row.entropy(i))} bits`];
    if (row.quadrant(i)) parts.push(`quadrant ${row.quadrant(i).name}`);
    this.announce(parts.join(", "));
  }

  announce(text) {
    setText(this.live, text);
  }

  // -------------------------------------------------------------------------------------- what is done

  listen() {
    const { signal } = this.stop;
    const on = (target, kind, run, options = {}) => target.addEventListener(kind, run, { signal, ...options });
    on(this.parts[0].el, "change", (event) => this.setMode(event.target.value));
    on(this.root, "pointerdown", (event) => this.press(event));
    on(this.root, "pointermove", (event) => (this.ends.drag ? this.ends.pull(event) : this.hover(event)));
    on(this.root, "pointerup", () => this.ends.drag && this.ends.drop());
    on(this.root, "pointercancel", () => this.ends.drag && this.ends.cancel());
    on(this.root, "pointerleave", () => this.pop.hideSoon());
    on(this.root, "click", (event) => this.click(event));
    on(this.root, "keydown", (event) => this.keys.press(event));
    on(document, "wheel", () => (this.touched = true), { capture: true, passive: true });
    on(this.root, "focusin", (event) => this.focusIn(event));
    on(this.root, "focusout", (event) => this.focusOut(event));
    on(document, "pointerdown", (event) => {
      if (!event.composedPath().includes(this.root)) this.pop.hide();
    });
    on(window, "scroll", () => this.pop.open && this.pop.place(), { capture: true, passive: true });
    on(window, "resize", () => this.pop.open && this.pop.place());
  }

  setMode(mode) {
    this.wanted = mode;
    this.remember();
    this.draw();
  }

  press(event) {
    this.touched = true;
    const grip = event.composedPath()[0].closest?.(".grip");
    if (grip) this.ends.grab(event, grip);
  }

  /** The token under the pointer: { id, i, where }, or null. */
  under(event) {
    const target = event.composedPath()[0];
    const token = target.closest?.(".t");
    if (token) return { id: token.closest(".text").dataset.id, i: Number(token.dataset.i), where: "text" };
    const cells = target.closest?.(".list .cells");
    if (!cells) return null;
    const { id } = cells.closest(".row").dataset;
    const i = Math.floor(this.board.cellAt(id, event.clientX));
    return i >= 0 && i < (this.byId.get(id)?.length || 0) ? { id, i, where: "cells" } : null;
  }

  hover(event) {
    if (event.pointerType === "touch" || this.pop.open?.pinned) return;
    if (event.composedPath().includes(this.pop.el)) return clearTimeout(this.pop.timer);
    const at = this.under(event);
    if (at) this.pop.hover(at);
    else this.pop.hideSoon();
  }

  click(event) {
    const target = event.composedPath()[0];
    const anchor = target.closest?.("a.link");
    if (anchor) return this.copyLink(event, anchor);
    const alternative = target.closest?.("button.alternative");
    if (alternative && this.pop.open) return this.fork(Number(alternative.dataset.place));
    const back = target.closest?.("button.back");
    if (back) return this.putBack(back);
    if (target.closest?.(".pop, .grip")) return;
    const at = this.under(event);
    if (at) {
      this.walked = true;
      this.select(at.id, at.i);
      this.pin(at.id, at.i, at.where);
      return;
    }
    this.pop.hide();
    const line = target.closest?.(".list .row");
    if (line) this.select(line.dataset.id, this.node === line.dataset.id ? this.index : 0);
  }

  putBack(button) {
    const { id } = button.closest(".strip").querySelector(".text").dataset;
    this.focusRow(id, "text");
    this.ends.back(this.byId.get(id));
  }

  focusIn(event) {
    const target = event.target;
    if (this.silent || !target.matches?.(".list .row, .text") || !target.matches(":focus-visible")) return;
    if (target.dataset.id !== this.node) this.select(target.dataset.id, this.index);
    this.walk(this.index, target.matches(".text") ? "text" : "cells");
  }

  focusOut(event) {
    if (this.root.contains(event.relatedTarget) || this.pop.open?.pinned) return;
    this.pop.hide();
  }
}
