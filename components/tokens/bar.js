// What stands around the rows: the colour switch and its scale, the sums by answer, the legend.

class Bar {
  constructor(picture) {
    this.picture = picture;
    this.el = el("div", "bar");
    const choices = this.el.appendChild(el("fieldset", "modes"));
    choices.append(el("legend", "", "Colour"));
    const group = `mode-${Math.random().toString(36).slice(2)}`;
    for (const [mode, { name }] of Object.entries(MODES)) {
      const label = choices.appendChild(el("label"));
      Object.assign(label.appendChild(el("input")), { type: "radio", name: group, value: mode });
      label.append(el("span", "", name));
      if (mode === "quadrant") this.quadrant = label;
    }
    this.choices = choices;
    this.scale = this.el.appendChild(el("div", "scale"));
    this.scale.setAttribute("role", "img");
    this.scale.append(el("span", "", ""));
    const steps = this.scale.appendChild(el("span", "cells"));
    for (const value of [0, 0.2, 0.4, 0.6, 0.8, 1]) steps.append(el("i", level(value)));
    this.scale.append(el("span", "", ""));
  }

  draw() {
    const mode = MODES[this.picture.mode];
    if (this.quadrant.isConnected !== this.picture.uneven) {
      if (this.picture.uneven) this.choices.append(this.quadrant);
      else this.quadrant.remove();
    }
    this.scale.hidden = Boolean(mode.tone);
    for (const radio of this.el.querySelectorAll("input")) radio.checked = radio.value === this.picture.mode;
    if (mode.tone) return;
    setText(this.scale.firstChild, `sure ${mode.scale[0]}`);
    setText(this.scale.lastChild, `${mode.scale[1]} torn`);
    this.scale.setAttribute("aria-label", `Cells rise and warm from ${mode.name} ${mode.scale[0]} to ${mode.scale[1]}`);
  }
}

class Sums {
  constructor(picture) {
    this.picture = picture;
    this.el = el("div", "sums");
  }

  draw() {
    const { groups, summed, kind, total } = this.picture.data;
    const branches = this.picture.rows.filter((row) => !row.fork);
    this.el.hidden = kind !== "branches" || (!groups.length && total <= branches.length);
    const byHand = summed === "delta" && branches.some((row) => row.raw.found);
    const sign = JSON.stringify([groups, summed, total, branches.length, byHand]);
    if (sign === this.drawn) return;
    this.drawn = sign;
    const top = Math.max(...groups.map((group) => group[3]), 1e-9);
    const wanted = groups.slice(0, 6);
    const nodes = wanted.map((group) => this.sum(group, summed, top));
    if (nodes.length) nodes.unshift(el("span", "what", summed === "delta" ? "Sum of Δ by answer" : "Branches by answer"));
    if (groups.length > wanted.length) nodes.push(el("span", "quiet", `and ${count(groups.length - wanted.length, "more answer")}`));
    if (total > branches.length) nodes.push(el("span", "quiet", `${branches.length} of ${count(total, "branch", "branches")} shown`));
    if (byHand) nodes.push(el("span", "quiet", "* counted with frames moved by hand"));
    this.el.replaceChildren(...nodes);
  }

  sum(group, summed, top) {
    const item = el("span", "sum");
    item.style.setProperty("--group", group[1]);
    drawChip(item.appendChild(el("span", "answer")), group, group[2]);
    item.appendChild(gauge(group[3] / top));
    const branches = count(group[4], "branch", "branches");
    item.append(el("span", "value", summed === "delta" ? `Σ Δ ${group[3].toFixed(2)}` : branches));
    if (summed === "delta") item.append(el("span", "quiet", branches));
    if (group[5]) item.append(el("span", "won", "✓ chosen"));
    return item;
  }
}

class Legend {
  constructor(picture) {
    this.picture = picture;
    this.el = el("div", "legend");
    this.el.id = "help";
  }

  draw() {
    const { rows, data } = this.picture;
    const cells = rows.some((row) => row.length);
    const marks = cells ? this.marks() : [];
    const keys = cells ? this.keys() : [];
    const note = !cells && rows.some((row) => row.raw.x)
      ? "This backend gives no token probabilities, so the text has no cells and no shading." : "";
    const sign = JSON.stringify([marks, keys, note, data.kind]);
    if (sign === this.drawn) return;
    this.drawn = sign;
    const nodes = marks.map(([kind, text, sample = "ab"]) => {
      const item = el("span", "key");
      item.append(el("span", `swatch ${kind}`, sample), el("span", "", text));
      item.firstChild.setAttribute("aria-hidden", "true");
      return item;
    });
    if (note) nodes.push(el("span", "", note));
    if (keys.length) {
      const list = el("span", "keys");
      for (const [key, text] of keys) {
        const item = list.appendChild(el("span", "key"));
        item.append(el("kbd", "", key), el("span", "", text));
      }
      nodes.push(list);
    }
    this.el.replaceChildren(...nodes);
  }

  marks() {
    const { rows, data, mode } = this.picture;
    const shown = data.kind === "strip" ? rows : [this.picture.current()].filter(Boolean);
    const some = (flag) => shown.some((row) => [...row.flags].some((digit) => Number(digit) & flag));
    const movable = shown.some((row) => row.framed);
    return [
      ...(MODES[mode].tone ? QUADRANTS.map(({ name, says }) => [`shade tone ${name}`, `${name}: ${says}`]) : [["shade", MODES[mode].below]]),
      ["under", "underline: entropy"],
      some(NOT_ARGMAX) && ["dots", "dotted: not the likeliest token"],
      some(FORCED) && ["ring", "ring: put there, not written by the model"],
      shown.some((row) => row.span || row.raw.x?.[1]) && ["answer", `frame: the answer${movable ? ", drag its ends" : ""}`, "3"],
      rows.some((row) => row.moved) && ["", "frame moved by hand", "*"],
      data.kind === "branches" && rows.some((row) => row.raw.s) && ["tick", "tick: the same as an earlier row up to here", ""],
    ].filter(Boolean);
  }

  keys() {
    const { rows, data } = this.picture;
    const branches = data.kind === "branches", several = rows.length > 1;
    return [
      ["← →", "tokens"],
      several && ["↑ ↓", branches ? "branches" : "texts"],
      ["Home End", "first, last token"],
      ["U", "next uncertain"],
      branches && several && ["D", "where branches part"],
      ["Enter", "keep open"],
      data.fork && ["F", "fork here"],
      data.link && ["L", "copy link"],
      rows.some((row) => row.framed) && ["[ ]", "start of the frame"],
      rows.some((row) => row.framed) && ["{ }", "its end"],
      ["Esc", "close"],
    ].filter(Boolean);
  }
}
