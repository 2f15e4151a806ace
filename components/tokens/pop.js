// The alternatives of one token. It shows while the pointer or the keys are at the token; pinned, it stays and can
// be walked into.

const REST_BEFORE_REACH = 350; // ms on a token before its alternatives can be reached with the pointer

class Pop {
  constructor(picture) {
    this.picture = picture;
    this.el = el("div", "pop");
    if (this.el.showPopover) this.el.setAttribute("popover", "manual");
    this.el.hidden = true;
    this.context = this.el.appendChild(el("div", "context"));
    this.facts = this.el.appendChild(el("div", "facts"));
    this.list = this.el.appendChild(el("div", "alternatives"));
    this.hint = this.el.appendChild(el("div", "hint"));
    this.numbers = this.el.appendChild(el("div", "numbers"));
    this.foot = this.el.appendChild(el("div", "foot"));
    this.link = this.foot.appendChild(link("Copy link to this token"));
  }

  show(id, i, where, pinned = false) {
    const row = this.picture.byId.get(id);
    clearTimeout(this.timer);
    if (!row || i < 0 || i >= row.length) return this.hide();
    const same = this.open?.id === id && this.open.i === i;
    this.open = { id, i, where, pinned };
    this.fill(row, i);
    this.el.hidden = false;
    this.el.classList.toggle("pinned", pinned);
    if (!same) this.keepOut();
    this.el.setAttribute("role", pinned ? "dialog" : "tooltip");
    this.el.setAttribute("aria-label", `Alternatives of token ${i + 1} of ${row.name}`);
    if (this.el.showPopover && !this.el.matches(":popover-open")) this.el.showPopover();
    this.place();
  }

  /** Where forks are offered: sweeping over cells must not end in the alternatives of one of them; resting on it
   * and then going there may. */
  rest() {
    if (this.picture.data.fork) this.resting = setTimeout(() => this.el.classList.add("reach"), REST_BEFORE_REACH);
  }

  keepOut() {
    clearTimeout(this.resting);
    this.el.classList.remove("reach");
  }

  place() {
    const { id, i, where } = this.open;
    const at = this.picture.anchor(id, i, where);
    if (!at) return this.hide();
    const { offsetWidth: width, offsetHeight: height } = this.el;
    const left = Math.max(8, Math.min(at.left - 12, innerWidth - width - 8));
    const below = at.bottom + 8;
    const top = below + height < innerHeight || at.top < height + 16 ? below : at.top - height - 8;
    Object.assign(this.el.style, { left: `${left}px`, top: `${Math.max(8, Math.min(top, innerHeight - height - 8))}px` });
  }

  hide() {
    clearTimeout(this.timer);
    clearTimeout(this.resting);
    if (!this.open) return;
    this.open = null;
    if (this.el.showPopover && this.el.matches(":popover-open")) this.el.hidePopover();
    this.el.hidden = true;
    this.filled = null;
  }

  hideSoon() {
    clearTimeout(this.timer);
    if (this.open && !this.open.pinned) this.timer = setTimeout(() => this.hide(), 120);
  }

  /** The pointer is over a token: { id, i, where }. */
  hover(at) {
    clearTimeout(this.timer);
    if (this.open?.id === at.id && this.open.i === at.i && this.open.where === at.where) return;
    const show = () => {
      this.show(at.id, at.i, at.where);
      this.rest();
    };
    if (this.open) show();
    else this.timer = setTimeout(show, 80);
  }

  refresh() {
    if (!this.open) return;
    const { id, i, where, pinned } = this.open;
    this.show(id, i, where, pinned);
  }

  fill(row, i) {
    const { fork, sent } = this.picture.data;
    const alternatives = row.alternatives(i);
    this.fillContext(row, i);
    const facts = [`token ${i + 1} of ${row.length}`];
    if (row.has(i, FORCED)) facts.push(row.fork?.[1] === i ? "put there by you" : "put there by the strategy");
    else if (row.has(i, NOT_ARGMAX)) facts.push("drawn, not the likeliest");
    else facts.push(row.has(i, SAMPLED) ? "drawn, also the likeliest" : "the likeliest");
    setText(this.facts, facts.join(" · "));
    this.fillNumbers(row, i);
    setLink(this.link, this.open.pinned ? this.picture.address(row, i) : "", `token ${i + 1} of ${row.name}`);
    this.foot.hidden = this.link.hidden;
    // News of the row must not take a line away from under the pointer, or its click is lost.
    const sign = JSON.stringify([row.id, i, alternatives, fork, alternatives.length ? 0 : sent]);
    if (sign === this.filled) return;
    this.filled = sign;
    const why = sent ? "No alternatives were recorded here." : "The alternatives come when the run has ended.";
    this.list.replaceChildren(...(alternatives.length ? this.lines(alternatives, fork) : [el("div", "none", why)]));
    const forkable = fork && alternatives.some(({ chosen }) => !chosen);
    this.hint.hidden = !forkable;
    setText(this.hint, forkable ? "Click to fork here: any token but the one written (✓)." : "");
  }

  fillContext(row, i) {
    const pieces = (from, to) => Array.from({ length: Math.max(0, to - from) }, (_, n) => row.piece(from + n)).join("");
    const before = el("bdi", "quiet"), word = el("strong"), after = el("bdi", "quiet");
    write(before, Array.from(pieces(Math.max(0, i - 12), i)).slice(-22).join(""), true);
    writeLabel(word.appendChild(el("bdi")), row.label(i));
    write(after, Array.from(pieces(i + 1, Math.min(row.length, i + 9))).slice(0, 16).join(""), true);
    this.context.replaceChildren(before, word, after);
  }

  fillNumbers(row, i) {
    const facts = [
      ["entropy", fixed(row.entropy(i)), "bits"], ["margin", fixed(row.margin(i)), ""], ["ln p", fixed(row.logprob(i)), "nats"],
    ];
    if (row.quadrant(i)) facts.splice(1, 0, ["varentropy", fixed(row.varentropy(i)), "bits²"]);
    if (row.quadrant(i)) facts.push(["quadrant", row.quadrant(i).name, ""]);
    if (row.q.length && !Number.isNaN(row.q[i])) facts.push(["p when drawn", fixed(row.q[i] / 1e5), ""]);
    this.numbers.replaceChildren(
      ...facts.map(([name, value, unit]) => {
        const item = el("span", "", `${name} `);
        item.append(el("b", "", value), unit && value !== "not given" ? ` ${unit}` : "");
        return item;
      }),
    );
  }

  lines(alternatives, fork) {
    const lines = alternatives.map(({ text, p, chosen, place }) => {
      const open = fork && !chosen;
      const line = el(open ? "button" : "div", "alternative");
      line.classList.toggle("chosen", chosen);
      const label = el("span", "label");
      label.dir = "auto";
      writeLabel(label, text);
      line.append(el("span", "sign", chosen ? "✓" : ""), label, gauge(p), el("span", "value", fixed(p)));
      const named = `${spoken(text)}, p ${fixed(p)}`;
      line.title = chosen ? `${spoken(text)} was written` : open ? `Fork here with ${spoken(text)}` : spoken(text);
      if (!open) return line;
      line.type = "button";
      line.dataset.place = place;
      line.setAttribute("aria-label", `Fork here with ${named}`);
      return line;
    });
    const rest = Math.max(0, 1 - alternatives.reduce((sum, { p }) => sum + (p || 0), 0));
    const line = el("div", "alternative rest");
    line.append(el("span", "sign"), el("span", "label note", "rest"), gauge(rest), el("span", "value", fixed(rest < 5e-5 ? 0 : rest)));
    return [...lines, line];
  }

  buttons() {
    return [...this.list.querySelectorAll("button")];
  }
}
