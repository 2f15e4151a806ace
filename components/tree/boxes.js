// The nodes as boxes: elements are kept as long as their node is shown, so that focus stays where it is.

const LINE = 32, HIGH = 26, PAD = 12, GAP = 44, NARROW = 220, WIDE = 320; // px
const TIGHT = 215; // px, below which a box has no room for a bar
const LEAST_BEAD = 6, MOST_BEAD = 20; // px across

class Boxes {
  constructor(tree) {
    this.tree = tree;
    this.el = el("div", "boxes");
    this.el.setAttribute("role", "tree");
    this.el.setAttribute("aria-label", "Tree of the run; arrow keys walk, Enter makes a node the root, Escape goes back");
    this.known = new Map();
  }

  clear() {
    this.known.clear();
    this.el.replaceChildren();
  }

  /** Give every item of the layout its place in px; `room` is how wide the picture is. */
  place({ items, lines }, room) {
    const columns = 1 + items.reduce((most, item) => Math.max(most, item.depth), 0);
    this.step = Math.max(NARROW, Math.min(WIDE, (room - 2 * PAD + GAP) / columns));
    this.wide = this.step - GAP;
    for (const item of items) {
      item.left = PAD + item.depth * this.step;
      item.top = PAD + item.y * LINE;
    }
    return { width: 2 * PAD + columns * this.step - GAP, height: 2 * PAD + lines * LINE };
  }

  draw(items) {
    const { tree } = this;
    this.el.classList.toggle("tight", this.wide < TIGHT);
    this.el.style.setProperty("--wide", `${Math.round(this.wide)}px`);
    const shown = new Set(items.map(keyOf));
    for (const [key, box] of this.known) {
      if (shown.has(key)) continue;
      box.el.remove();
      this.known.delete(key);
    }
    const most = this.mostTokens();
    const tab = shown.has(tree.focus) ? tree.focus : keyOf(items[0]);
    // What is shown twice in a row keeps its order, so nothing that has the focus is ever moved.
    let next = this.el.firstChild;
    for (const item of items) {
      const key = keyOf(item);
      let box = this.known.get(key);
      if (!box) this.known.set(key, (box = newBox(key)));
      if (box.el === next) next = next.nextSibling;
      else this.el.insertBefore(box.el, next);
      const at = `translate(${Math.round(item.left)}px, ${Math.round(item.top)}px)`;
      if (box.at !== at) box.el.style.transform = box.at = at;
      box.el.tabIndex = key === tab ? 0 : -1;
      this.nest(box, item);
      if (item.more) this.writeMore(box, item);
      else this.write(box, item, most);
    }
  }

  /** The most tokens of any node, where size says tokens. */
  mostTokens() {
    const { model, moment } = this.tree;
    if (moment.visited) return 0;
    return model.entries.reduce((most, entry) => Math.max(most, entry.tokens), 0);
  }

  nest(box, item) {
    const siblings = item.parent ? item.parent.kids : [item];
    const said = [item.depth + 1, siblings.length, siblings.indexOf(item) + 1, item.more ? "false" : item.kids.length ? "true" : ""];
    if (box.nested === said.join()) return;
    box.nested = said.join();
    ["aria-level", "aria-setsize", "aria-posinset", "aria-expanded"].forEach((name, n) => {
      if (said[n] === "") box.el.removeAttribute(name);
      else box.el.setAttribute(name, said[n]);
    });
  }

  write(box, { i, aside }, mostTokens) {
    const { tree } = this, { model, moment, marks } = tree, entry = model.entries[i];
    const value = tree.by ? model.value(i, tree.by, moment) : undefined;
    const visits = moment.stats.visits[i];
    const status = model.settled(i, moment) ? entry.status || "" : "";
    const share = tree.share(value);
    const looks = [
      "box", status, marks.best.has(i) && "best", marks.walk.has(i) && "walk", moment.active === i && "active",
      i === tree.selected && "selected", entry.writing && moment.live && "writing", share === null && "blank",
    ].filter(Boolean).join(" ");
    const words = describe(tree, i);
    const phase = moment.active === i && moment.step ? PHASES[moment.step[2]] : "";
    const bead = this.bead(i, visits, mostTokens);
    const sign = [looks, words, phase, bead, share, aside, visits, tree.by, entry.label].join("\u0000");
    if (box.sign === sign) return;
    box.sign = sign;
    const { parts } = box;
    box.el.className = looks;
    box.el.setAttribute("aria-label", words);
    box.el.setAttribute("aria-selected", i === tree.selected);
    box.el.dataset.phase = phase;
    box.el.title = short(oneLine(entry.label), 300) + (entry.reason && status ? `\n${status}: ${short(entry.reason, 200)}` : "");
    box.el.style.setProperty("--v", share === null ? 0 : share.toFixed(3));
    parts.bead.style.setProperty("--bead", `${bead}px`);
    setText(parts.label, short(oneLine(entry.label), 90));
    setText(parts.why, status && status !== "kept" ? [STATUS[status], status !== "chosen" && entry.reason].filter(Boolean).join(" ") : "");
    setText(parts.answer, entry.answer === null ? "" : short(oneLine(entry.answer), 24));
    setText(parts.aside, aside ? `+${aside}` : "");
    setText(parts.value, share === null ? "" : number(value));
    setText(parts.visits, moment.visited && entry.walked && (visits || !OUT.has(status)) ? `×${visits}` : "");
    parts.meter.hidden = share === null;
  }

  writeMore(box, item) {
    const sign = `${item.size} ${item.hidden.length} ${item.small} ${this.tree.focus === keyOf(item)}`;
    if (box.sign === sign) return;
    box.sign = sign;
    const words = describeMore(item, this.tree.moment);
    box.el.className = `box more${this.tree.focus === keyOf(item) ? " selected" : ""}`;
    box.el.setAttribute("aria-label", words);
    box.el.setAttribute("aria-selected", this.tree.focus === keyOf(item));
    box.el.title = words;
    setText(box.parts.label, `+${item.size.toLocaleString("en")}`);
  }

  /** Its area says how often a node was visited, or how many tokens it has. */
  bead(i, visits, mostTokens) {
    const { model, moment, top } = this.tree;
    const most = moment.visited ? moment.stats.visits[top] : mostTokens;
    const share = most ? (moment.visited ? visits : model.entries[i].tokens) / most : 0.25;
    return Math.round(Math.max(LEAST_BEAD, MOST_BEAD * Math.sqrt(Math.min(1, share))));
  }

  element(key) {
    return this.known.get(key)?.el;
  }
}

const keyOf = (item) => (item.more ? `more-${item.i}` : `node-${item.i}`);

function newBox(key) {
  const box = { el: el("div", "box"), parts: {} };
  box.el.setAttribute("role", "treeitem");
  box.el.dataset.key = key;
  for (const part of ["bead", "label", "why", "answer", "aside", "meter", "value", "visits"]) {
    box.parts[part] = box.el.appendChild(el("span", part));
    if (part !== "aside") box.parts[part].setAttribute("aria-hidden", "true");
  }
  return box;
}
