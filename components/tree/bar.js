// Above the tree: the way back to the root, what colours say, folding and size. Below it: what the looks mean.

class Bar {
  constructor(tree) {
    this.tree = tree;
    this.el = el("div", "bar");
    this.trail = this.el.appendChild(el("nav", "trail"));
    this.trail.setAttribute("aria-label", "From the root to here");
    const tools = this.el.appendChild(el("div", "tools"));
    const colour = tools.appendChild(el("label", "colour"));
    colour.append(el("span", "quiet", "Colour"));
    this.measure = colour.appendChild(el("select"));
    this.measure.onchange = () => tree.setMeasure(this.measure.value);
    this.scale = tools.appendChild(el("span", "scale quiet"));
    this.least = this.scale.appendChild(el("span"));
    this.scale.append(el("i", "ramp"));
    this.most = this.scale.appendChild(el("span"));
    const fold = tools.appendChild(el("label", "fold"));
    this.fold = fold.appendChild(el("input"));
    this.fold.type = "checkbox";
    this.fold.onchange = () => tree.setFolding(this.fold.checked);
    fold.append(" Fold");
    fold.title = "Fold small subtrees and long lists of siblings into “+n”";
    for (const [sign, label, by] of [["−", "Smaller", 0.8], ["+", "Larger", 1.25], ["Fit", "Fit the whole tree", 0]]) {
      const made = tools.appendChild(button("chip", sign, () => tree.zoomBy(by)));
      made.setAttribute("aria-label", label);
      made.title = label;
    }
  }

  draw() {
    const { tree } = this, { model, top, by } = tree;
    const path = model.pathTo(top);
    const sign = path.map((i) => `${i} ${model.entries[i].label}`).join("\u0000");
    if (sign !== this.sign) {
      this.sign = sign;
      this.trail.replaceChildren(...path.flatMap((i, n) => {
        const words = short(oneLine(model.entries[i].label), 28);
        if (n < path.length - 1) return [button("crumb", words, () => tree.reroot(i)), el("span", "quiet", "›")];
        const here = el("span", "crumb here", words);
        here.setAttribute("aria-current", "true");
        return [here];
      }));
    }
    this.trail.hidden = path.length < 2;
    const measures = model.measures();
    if (measures.join("\u0000") !== this.offered) {
      this.offered = measures.join("\u0000");
      this.measure.replaceChildren(...measures.map((measure) => {
        const option = el("option", "", measureName(measure));
        option.value = measure;
        return option;
      }));
    }
    this.measure.parentElement.hidden = this.scale.hidden = measures.length === 0;
    this.measure.disabled = measures.length < 2;
    if (by) this.measure.value = by;
    this.measure.title = (by && model.names[by]) || "";
    setText(this.least, number(tree.range[0]));
    setText(this.most, number(tree.range[1]) + measureUnit(by));
    this.fold.checked = tree.folding;
  }
}

class Legend {
  constructor(tree) {
    this.tree = tree;
    this.el = el("div", "legend quiet");
  }

  draw() {
    const { model, moment } = this.tree;
    const has = (status) => model.entries.some((entry) => entry.status === status);
    const marks = [
      [moment.visited ? "size: visits" : model.entries.some((entry) => entry.tokens) ? "size: tokens" : "", "bead"],
      [has("chosen") ? "chosen" : "", "box chosen"],
      [has("pruned") || has("failed") ? "✗ pruned or failed" : "", "box pruned"],
      [model.best >= 0 ? "path to the answer" : "", "line best"],
      [moment.path.length ? "where UCT goes" : "", "line walk"],
    ].filter(([text]) => text);
    const keys = [["← →", "parent, child"], ["↑ ↓", "siblings"], ["Enter", "make it the root"], ["Esc", "back"]];
    const sign = JSON.stringify(marks);
    if (sign === this.sign) return;
    this.sign = sign;
    const nodes = marks.map(([text, kind]) => {
      const item = el("span", "item");
      item.append(el("i", `sample ${kind}`), text);
      return item;
    });
    const list = el("span", "keys");
    for (const [key, text] of keys) {
      const item = list.appendChild(el("span", "item"));
      item.append(el("kbd", "", key), text);
    }
    this.el.replaceChildren(...nodes, list);
  }
}
