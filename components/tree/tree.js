// The picture as a whole: what is looked at, from where and at which moment. Nodes that come are put in without moving
// what is looked at. `memory` keeps everything when Streamlit mounts the picture again.

const trees = new WeakMap();
const memory = new Map();
const HIGHEST = 560, LEAST_ZOOM = 0.2, MOST_ZOOM = 2; // px of the window; times
const USUAL_C = 1.4;
const REST = 250; // ms on a node before its whole text is fetched
const PATIENCE = 3000; // ms before everything is asked for again

export default function (component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  let tree = trees.get(parentElement);
  if (!tree) trees.set(parentElement, (tree = new Tree(parentElement)));
  tree.tell = {
    wanted: (value) => setStateValue("wanted", value),
    tokens: (value) => setTriggerValue("tokens", value),
    again: (value) => setTriggerValue("again", value),
  };
  tree.update(data);
  return () => {
    tree.close();
    trees.delete(parentElement);
  };
}

class Tree {
  constructor(parent) {
    this.root = el("div", "tree");
    this.bar = new Bar(this);
    this.boxes = new Boxes(this);
    this.edges = new Edges(this);
    this.panel = new Panel(this);
    this.scrubber = new Scrubber(this);
    this.legend = new Legend(this);
    this.keys = new Keys(this);
    this.window = el("div", "window");
    this.sizer = this.window.appendChild(el("div", "sizer"));
    this.stage = this.sizer.appendChild(el("div", "stage"));
    this.stage.append(this.edges.el, this.boxes.el);
    const middle = el("div", "middle");
    middle.append(this.window, this.panel.el);
    this.empty = el("p", "quiet", "The tree is still empty.");
    this.root.append(this.empty, this.bar.el, middle, this.scrubber.el, this.legend.el);
    parent.append(this.root);
    this.window.addEventListener("click", (event) => this.click(event));
    this.window.addEventListener("dblclick", (event) => this.doubleClick(event));
    this.window.addEventListener("pointerdown", (event) => this.drag(event));
    this.root.addEventListener("keydown", (event) => this.keys.press(event));
    this.watcher = new ResizeObserver(() => {
      if (this.model?.size && this.window.clientWidth !== this.room) this.draw();
    });
    this.watcher.observe(this.window);
  }

  close() {
    clearTimeout(this.timer);
    this.scrubber.stop();
    this.watcher.disconnect();
    this.root.remove();
  }

  // ------------------------------------------------------------------------------------------ update

  update(data) {
    followTheme(this.root);
    this.data = data;
    if (!this.model) this.restore(data.key);
    const run = this.model.run;
    if (!this.model.read(data.tree)) return this.ask();
    this.asked = undefined;
    if (run !== this.model.run) this.begin();
    const { texts, target } = data;
    if (texts && texts[0] === this.model.run) this.model.texts.set(texts[1], texts[2]);
    this.draw();
    if (target && target[0] >= 0 && target[1] !== this.visited) {
      this.visited = target[1];
      this.show(target[0]);
    }
  }

  /** What was told builds on something that never came: have everything told. */
  ask() {
    const now = Date.now();
    if (this.asked && now - this.asked < PATIENCE) return;
    this.asked = now;
    this.tell.again(now);
  }

  restore(key) {
    const kept = memory.get(key);
    Object.assign(this, kept || { model: new Model() });
    if (!kept) this.begin();
  }

  /** Another run is looked at. */
  begin() {
    Object.assign(this, {
      top: 0, selected: 0, focus: "node-0", at: null, by: undefined, picked: false, folding: true, zoom: 1,
      unfolded: new Set(), asides: new Set(), highest: 0, c: undefined,
    });
    this.boxes.clear();
    this.scrubber.stop();
  }

  remember() {
    const { model, top, selected, focus, at, by, picked, folding, zoom, unfolded, asides, highest, c, visited } = this;
    memory.set(this.data.key, { model, top, selected, focus, at, by, picked, folding, zoom, unfolded, asides, highest, c, visited });
  }

  // ------------------------------------------------------------------------------------------ drawing

  draw() {
    const { model } = this;
    this.remember();
    this.root.classList.toggle("bare", !model.size);
    this.empty.hidden = model.size > 0;
    if (!model.size) return;
    this.ownC = model.c ?? USUAL_C;
    this.c ??= this.ownC;
    this.moment = model.at(this.at);
    model.walkAt(this.moment, this.c);
    this.top = this.open(this.top);
    this.selected = this.open(this.selected);
    const measures = model.measures();
    if (!this.picked || !measures.includes(this.by)) this.by = measures[0];
    this.range = model.range(this.by, this.moment);
    this.marks = {
      best: new Set(this.moment.live && model.best >= 0 ? model.pathTo(model.best) : []),
      walk: new Set(this.moment.path.length > 1 ? this.moment.path : []),
    };
    const anchor = this.anchor();
    const { moment, top, unfolded, asides, folding } = this;
    this.layout = arrange({ model, moment, top, keep: this.kept(), unfolded, asides, folding });
    this.room = this.window.clientWidth;
    this.size = this.boxes.place(this.layout, this.room);
    const items = new Map(this.layout.items.map((item) => [keyOf(item), item]));
    if (!items.has(this.focus)) this.focus = `node-${items.has(`node-${this.selected}`) ? this.selected : this.top}`;
    this.items = items;
    this.boxes.draw(this.layout.items);
    this.edges.draw(this.layout.items, this.size, this.boxes);
    this.resize();
    if (anchor) this.hold(anchor);
    else this.centre(this.focus);
    this.bar.draw();
    this.panel.draw();
    this.scrubber.draw();
    this.legend.draw();
    this.fetch();
  }

  /** The node, or the nearest above it that was open at the moment. */
  open(i) {
    if (i >= this.model.size) return 0;
    while (i >= this.moment.opened) i = this.model.parents[i];
    return Math.max(0, i);
  }

  /** Nodes that are never folded away: what is looked at, and the paths that are drawn. */
  kept() {
    const { model, moment, marks, selected } = this;
    const active = moment.active >= 0 && moment.active < moment.opened ? model.pathTo(moment.active) : [];
    return new Set([...marks.best, ...marks.walk, ...(moment.taken || []), ...active, ...model.pathTo(selected)]);
  }

  /** How far a value is up the colour scale, 0 to 1; null for none. */
  share(value) {
    if (value === undefined) return null;
    const [least, most] = this.range;
    return Math.max(0, Math.min(1, (value - least) / (most - least)));
  }

  resize() {
    const { width, height } = this.size, { zoom } = this;
    Object.assign(this.sizer.style, { width: `${Math.ceil(width * zoom)}px`, height: `${Math.ceil(height * zoom)}px` });
    this.stage.style.transform = zoom === 1 ? "" : `scale(${zoom})`;
    Object.assign(this.stage.style, { width: `${width}px`, height: `${height}px` });
    this.highest = Math.max(this.highest, Math.min(HIGHEST, Math.ceil(height * zoom) + 16));
    this.window.style.height = `${this.highest}px`;
  }

  /** The box that must stay where it is on screen: the one looked at where it can be seen, else the first in sight. */
  anchor() {
    if (!this.layout) return null;
    const { scrollLeft: left, scrollTop: top, clientWidth, clientHeight } = this.window;
    const seen = (item) => {
      const x = item.left * this.zoom - left, y = item.top * this.zoom - top;
      return x > -NARROW && x < clientWidth && y >= 0 && y < clientHeight;
    };
    const own = this.items.get(this.focus);
    const item = own && seen(own) ? own : this.layout.items.find(seen);
    return item ? { key: keyOf(item), x: item.left, y: item.top } : null;
  }

  hold(anchor) {
    const item = this.items.get(anchor.key);
    if (!item) return;
    const x = (item.left - anchor.x) * this.zoom, y = (item.top - anchor.y) * this.zoom;
    if (x) this.window.scrollLeft += x;
    if (y) this.window.scrollTop += y;
  }

  centre(key) {
    const item = this.items.get(key);
    this.window.scrollTo(item.left * this.zoom - PAD, (item.top + HIGH / 2) * this.zoom - this.window.clientHeight / 2);
  }

  /** Scroll the window, and only it, so that a box can be seen. */
  reveal(key) {
    const item = this.items.get(key), { window: w, zoom } = this;
    if (!item) return;
    const x = item.left * zoom, y = item.top * zoom, wide = this.boxes.wide * zoom, high = HIGH * zoom;
    if (x - PAD < w.scrollLeft) w.scrollLeft = x - PAD;
    else if (x + wide + PAD > w.scrollLeft + w.clientWidth) w.scrollLeft = x + wide + PAD - w.clientWidth;
    if (y - PAD < w.scrollTop) w.scrollTop = y - PAD;
    else if (y + high + PAD > w.scrollTop + w.clientHeight) w.scrollTop = y + high + PAD - w.clientHeight;
  }

  /** Have the whole text of the node that is looked at, once it has been looked at for a moment. */
  fetch() {
    const { model, selected } = this, entry = model.entries[selected];
    if (!entry.cut || (model.texts.has(selected) && !entry.writing)) return;
    const sign = `${model.run} ${selected}`;
    if (sign === this.wanted) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.wanted = sign;
      this.tell.wanted({ run: model.run, place: selected });
    }, REST);
  }

  // -------------------------------------------------------------------------------------- what is done

  item(key) {
    return this.items.get(key);
  }

  /** Look at a box: a node is selected, a fold only gets the keyboard. */
  lookAt(key, focus) {
    const item = this.items.get(key);
    if (!item) return;
    this.focus = key;
    if (!item.more) this.selected = item.i;
    this.draw();
    this.reveal(this.focus);
    if (focus) this.boxes.element(this.focus)?.focus({ preventScroll: true });
  }

  /** Select a node wherever it is. */
  show(i) {
    if (!this.model.pathTo(i).includes(this.top)) this.top = 0;
    this.at = null;
    this.selected = i;
    this.focus = `node-${i}`;
    this.draw();
    this.reveal(this.focus);
  }

  /** Make a node the one at the left. Going back, what was the root stays looked at. */
  reroot(i, focus = false) {
    if (i < 0) return;
    if (!this.model.pathTo(this.selected).includes(i)) this.selected = i;
    this.top = i;
    this.focus = `node-${this.selected}`;
    this.layout = undefined;
    this.draw();
    this.reveal(this.focus);
    if (focus) this.boxes.element(this.focus)?.focus({ preventScroll: true });
  }

  unfold(i, open, then) {
    if (open) this.unfolded.add(i);
    else this.unfolded.delete(i);
    if (then !== undefined) this.focus = `node-${(this.selected = then)}`;
    this.draw();
    if (then === undefined) return;
    this.reveal(this.focus);
    this.boxes.element(this.focus)?.focus({ preventScroll: true });
  }

  toggleAsides(i) {
    if (!this.asides.delete(i)) this.asides.add(i);
    this.draw();
  }

  setMoment(at) {
    this.at = at;
    this.draw();
    const { active } = this.moment;
    if (active >= 0) this.reveal(`node-${active}`);
  }

  setC(c) {
    this.c = c;
    this.draw();
  }

  setMeasure(by) {
    Object.assign(this, { by, picked: true });
    this.draw();
  }

  setFolding(folding) {
    this.folding = folding;
    this.unfolded.clear();
    this.draw();
  }

  /** Times so much; 0 so that all can be seen. */
  zoomBy(by) {
    const { width, height } = this.size;
    const fit = Math.min(1, this.window.clientWidth / width, HIGHEST / height);
    this.zoom = Math.max(LEAST_ZOOM, Math.min(MOST_ZOOM, by ? this.zoom * by : fit));
    this.draw();
    this.reveal(this.focus);
  }

  openTokens() {
    this.tell.tokens({ run: this.model.run, place: this.selected });
  }

  address(i) {
    const where = new URLSearchParams({ run: this.model.run, node: this.model.entries[i].id });
    return new URL(`${this.data.link}?${where}`, location.href).href;
  }

  click(event) {
    const box = event.composedPath()[0].closest?.(".box");
    const item = box && this.items.get(box.dataset.key);
    if (!item || this.dragged) return;
    if (item.more) return this.unfold(item.i, true, item.hidden[0]);
    if (event.composedPath()[0].closest(".aside")) this.toggleAsides(item.i);
    this.lookAt(keyOf(item), true);
  }

  doubleClick(event) {
    const box = event.composedPath()[0].closest?.(".box");
    const item = box && this.items.get(box.dataset.key);
    if (item && !item.more) this.reroot(item.i, true);
  }

  /** The paper between the boxes can be pulled about with the mouse. */
  drag(event) {
    this.dragged = false;
    if (event.pointerType === "touch" || event.button || event.composedPath()[0].closest?.(".box")) return;
    const { scrollLeft, scrollTop } = this.window, { clientX, clientY } = event;
    const stop = new AbortController();
    const end = () => stop.abort();
    document.addEventListener("pointermove", (move) => {
      this.dragged = true;
      this.window.scrollTo(scrollLeft - move.clientX + clientX, scrollTop - move.clientY + clientY);
    }, { signal: stop.signal });
    for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, end, { signal: stop.signal });
  }
}
