// The path: the tokens after the text, each a button that reopens its position, and what can be appended.

// A longer path shows only what is around the open position.
const SHOWN = 160;

class Path {
  /** `act` tells Python what to do; `onSeed` that the seed was changed. */
  constructor(act, onSeed) {
    this.act = act;
    this.root = el("div", "path");
    this.where = this.root.appendChild(el("div", "where"));
    this.chips = this.root.appendChild(el("ol", "tokens"));
    this.chips.setAttribute("aria-label", "The path: choose a token to reopen its position");
    this.bar = this.root.appendChild(el("div", "steps"));
    this.likeliest = this.bar.appendChild(button("step", "Append the likeliest", () => this.act({ do: "likeliest" })));
    this.draw = this.bar.appendChild(button("step", "Draw a token", () => this.act({ do: "draw" })));
    const seed = this.bar.appendChild(el("label", "seed", "seed "));
    this.seed = seed.appendChild(el("input"));
    Object.assign(this.seed, { type: "number", min: 0, max: 2 ** 31 - 1, step: 1 });
    this.seed.onchange = () => {
      const value = Math.min(2 ** 31 - 1, Math.max(0, Math.round(Number(this.seed.value) || 0)));
      this.seed.value = value;
      onSeed(value);
    };
    this.back = this.bar.appendChild(button("step", "Back to the start", () => this.act({ do: "open", at: this.first })));
    this.note = this.bar.appendChild(el("span", "quiet"));
    this.note.setAttribute("aria-live", "polite");
  }

  open(view) {
    const { path, cursor, spelled } = view;
    this.first = view.first;
    this.where.replaceChildren(
      el("strong", "", "The next token"),
      el("span", "quiet", view.position === null ? "" : ` after ${count(view.position, "token")} · ${view.model}`),
    );
    const first = Math.max(0, Math.min(cursor - SHOWN / 2, path.length - SHOWN)), last = Math.min(path.length, first + SHOWN);
    const items = [];
    if (!view.first) {
      items.push(this.item(0, "start", cursor));
      items[0].firstChild.textContent = spelled ? "beginning" : "text";
    }
    if (first) items.push(el("li", "quiet", `… ${count(first, "token")} …`));
    for (let i = first; i < last; i++) {
      items.push(this.item(i + 1, i < spelled ? "spelled" : "", cursor, path[i]));
    }
    if (last < path.length) items.push(el("li", "quiet", `… ${count(path.length - last, "token")} …`));
    this.chips.replaceChildren(...items);
    this.chips.hidden = !path.length;
    this.back.hidden = cursor <= view.first;
    for (const node of [this.likeliest, this.draw, this.seed]) node.disabled = !view.able;
    const { drawn } = view;
    setText(this.note, drawn ? `drew ${spoken(drawn.text)}: u = ${drawn.u.toFixed(4)}, p = ${probabilityText(drawn.p)}, rank ${count(drawn.rank)}` : "");
    this.chips.querySelector("[aria-current]")?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }

  /** The chip of the token before a position; choosing it opens what comes after it. */
  item(at, kind, cursor, token) {
    const item = el("li", at > cursor ? "later" : "");
    const chip = item.appendChild(button(`chip ${kind}`, undefined, () => this.act({ do: "open", at })));
    if (token) writeToken(chip, token.text);
    chip.title = at === cursor ? "the open position is after this" : "open the position after this";
    chip.setAttribute("aria-label", `open the position after ${token ? spoken(token.text) : "the text"}`);
    if (at === cursor) chip.setAttribute("aria-current", "true");
    return item;
  }

  setSeed(seed) {
    if (this.seed.value !== String(seed)) this.seed.value = seed;
  }

  greedy(greedy, able) {
    this.draw.disabled = greedy || !able;
    this.draw.title = greedy ? "Sampling is off: nothing is drawn" : "";
  }
}
