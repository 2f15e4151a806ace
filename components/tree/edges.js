// The lines between the boxes: one path for all of a thickness, so that hundreds are drawn at once.

const MOST_THICK = 8; // px

class Edges {
  constructor(tree) {
    this.tree = tree;
    this.el = shape("svg", { class: "edges", "aria-hidden": "true" });
    this.paths = new Map();
  }

  draw(items, size, boxes) {
    const { moment, marks, top } = this.tree, all = moment.stats.visits[top];
    const lines = new Map();
    const add = (kind, line) => lines.set(kind, (lines.get(kind) || "") + line);
    for (const item of items) {
      if (!item.parent) continue;
      const line = curve(item.parent, item, boxes.wide);
      const visits = item.more ? item.hidden.reduce((sum, i) => sum + moment.stats.visits[i], 0) : moment.stats.visits[item.i];
      const thick = moment.visited && all ? Math.max(1, Math.round((MOST_THICK * visits) / all)) : 1;
      add(item.more ? "edge folded" : `edge w${thick}`, line);
      if (item.more) continue;
      if (marks.best.has(item.i)) add("best", line);
      if (marks.walk.has(item.i)) add("walk", line);
    }
    this.el.setAttribute("width", size.width);
    this.el.setAttribute("height", size.height);
    for (const [kind, path] of this.paths) if (!lines.has(kind)) path.removeAttribute("d");
    for (const [kind, line] of lines) {
      let path = this.paths.get(kind);
      if (!path) this.paths.set(kind, (path = shape("path", { class: kind })));
      if (path.getAttribute("d") !== line) path.setAttribute("d", line);
    }
    // The paths that matter lie above the others.
    const order = [...this.paths.keys()].sort((a, b) => rankOf(a) - rankOf(b));
    if (order.join() !== this.order) this.el.replaceChildren(...order.map((kind) => this.paths.get(kind)));
    this.order = order.join();
  }
}

const rankOf = (kind) => ["best", "walk"].indexOf(kind);

function curve(from, to, wide) {
  const x1 = from.left + wide, y1 = from.top + HIGH / 2, x2 = to.left, y2 = to.top + HIGH / 2, middle = (x1 + x2) / 2;
  return `M${x1.toFixed(0)} ${y1}C${middle.toFixed(0)} ${y1} ${middle.toFixed(0)} ${y2} ${x2.toFixed(0)} ${y2}`;
}
