// What is known of the node that is looked at: its text, its numbers, and how UCT weighs it against its siblings.

const RIVALS = 8; // siblings whose UCT is drawn

class Panel {
  constructor(tree) {
    this.tree = tree;
    this.el = el("section", "panel");
    this.el.setAttribute("aria-label", "The selected node");
    this.head = this.el.appendChild(el("div", "head"));
    this.role = this.head.appendChild(el("span", "role"));
    this.title = this.head.appendChild(el("strong", "title"));
    this.status = this.el.appendChild(el("p", "status"));
    this.text = this.el.appendChild(el("div", "text"));
    this.text.tabIndex = 0;
    this.text.setAttribute("role", "group");
    this.text.setAttribute("aria-label", "Its text");
    this.acts = this.el.appendChild(el("div", "acts"));
    this.root = this.acts.appendChild(button("chip", "Make it the root", () => tree.reroot(tree.selected)));
    this.tokens = this.acts.appendChild(button("chip", "Its tokens", () => tree.openTokens()));
    this.asides = this.acts.appendChild(button("chip", "", () => tree.toggleAsides(tree.selected)));
    this.fold = this.acts.appendChild(button("chip", "Fold again", () => tree.unfold(tree.selected, false)));
    this.link = this.acts.appendChild(el("a", "link", "Link"));
    this.numbers = this.el.appendChild(el("dl", "numbers"));
    this.weighed = this.el.appendChild(el("div", "weighed"));
  }

  draw() {
    const { tree } = this, { model, moment, selected: i } = tree, entry = model.entries[i];
    this.el.hidden = !entry;
    if (!entry) return;
    setText(this.role, entry.role);
    setText(this.title, entry.title && entry.title !== entry.role ? entry.title : "");
    const status = model.settled(i, moment) ? entry.status : null;
    setText(this.status, status ? `${STATUS[status] || ""} ${status}${entry.reason ? `: ${entry.reason}` : ""}`.trim() : "");
    this.status.hidden = !status;
    const whole = model.texts.get(i);
    const text = whole && whole.startsWith(entry.text) ? whole : entry.text + (entry.cut ? "…" : "");
    setText(this.text, text);
    this.text.hidden = !text;
    this.root.hidden = i === tree.top;
    this.tokens.hidden = !entry.tokens || !tree.data.can_open;
    const aside = model.children[i].filter((child) => model.entries[child].aside).length;
    this.asides.hidden = !aside;
    setText(this.asides, `${tree.asides.has(i) ? "Hide" : "Show"} ${asidesOf(model, i, aside)}`);
    this.fold.hidden = !tree.unfolded.has(i);
    this.link.hidden = !tree.data.link;
    if (tree.data.link) this.link.href = tree.address(i);
    this.drawNumbers(entry, i);
    this.drawWeighed(i);
  }

  drawNumbers(entry, i) {
    const { model, moment } = this.tree;
    const lines = [];
    if (model.searched && entry.walked) {
      const n = moment.stats.visits[i];
      lines.push(["N", String(n), "visits"], ["Q", n ? number(moment.stats.totals[i] / n) : "–", "mean of the values backed up through it"]);
    }
    for (const [by, value] of entry.scores) lines.push([by, number(value) + measureUnit(by), model.names[by] || ""]);
    if (entry.answer !== null) lines.push(["answer", entry.answer, ""]);
    if (entry.tokens) lines.push(["tokens", entry.tokens.toLocaleString("en"), ""]);
    const sign = JSON.stringify(lines);
    if (sign === this.listed) return;
    this.listed = sign;
    this.numbers.replaceChildren(...lines.flatMap(([term, value, what]) => {
      const said = el("dd", "", value);
      if (what) said.append(" ", el("span", "quiet", what));
      return [el("dt", "", term), said];
    }));
  }

  /** Its sum beside its siblings', each as two bars: what it was worth, and what it gets for being tried rarely. */
  drawWeighed(i) {
    const { tree } = this, { model, moment, c } = tree, parent = model.parents[i];
    const rivals = model.rivals(i, moment);
    const { visits, totals } = moment.stats;
    const all = rivals.map((child) => ({ child, n: visits[child], ...uct(visits[child], totals[child], visits[parent], c) }));
    all.sort((a, b) => b.sum - a.sum);
    const shown = all.slice(0, RIVALS);
    if (!shown.some(({ child }) => child === i)) shown.splice(-1, 1, ...all.filter(({ child }) => child === i));
    const sign = JSON.stringify([shown, c, i, visits[parent]]);
    this.weighed.hidden = !all.length;
    if (sign === this.weighedAs) return;
    this.weighedAs = sign;
    const most = Math.max(...all.map(({ sum }) => (Number.isFinite(sum) ? sum : 0)), 1e-9);
    const head = el("p", "quiet", `UCT = Q + c·√(ln N↑ / N), here N↑ = ${visits[parent]}, c = ${c.toFixed(2)}`);
    const key = el("p", "key quiet");
    key.append(el("i", "exploit"), "Q: exploit ", el("i", "explore"), "explore");
    const list = el("ul");
    for (const { child, n, exploit, explore, sum } of shown) {
      const line = list.appendChild(el("li", child === i ? "own" : ""));
      const stack = el("span", "stack");
      const spoken = n ? `Q ${number(exploit)} plus ${number(explore)} is ${number(sum)}` : "not visited, so it comes first";
      if (n) {
        for (const [kind, value] of [["exploit", exploit], ["explore", explore]]) {
          stack.appendChild(el("i", kind)).style.width = `${(100 * Math.max(0, value)) / most}%`;
        }
      } else stack.append(el("span", "quiet", "unvisited: first"));
      stack.setAttribute("role", "img");
      stack.setAttribute("aria-label", spoken);
      line.title = spoken;
      line.append(el("span", "who", short(oneLine(model.entries[child].label), 40)), stack, el("span", "sum", n ? number(sum) : ""));
    }
    const left = all.length - shown.length;
    this.weighed.replaceChildren(head, key, list);
    if (left > 0) this.weighed.append(el("p", "quiet", `and ${count(left, "more sibling")}`));
  }
}
