// Lanes side by side: how each stands, what it answered, and its text. The texts scroll together; a rail beside each
// marks where it differs from the first lane. Everything a model or a person wrote is set as text.

const TITLE = 1, DIFFERS = 2;
const boards = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  let board = boards.get(parentElement);
  if (!board) boards.set(parentElement, (board = new Board(parentElement)));
  board.tell = (value) => setTriggerValue("open", value);
  board.update(data);
  return () => {
    board.close();
    boards.delete(parentElement);
  };
}

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(className, text, onClick) {
  const node = el("button", className, text);
  node.type = "button";
  node.onclick = onClick;
  return node;
}

/** Writing what is there already would still cost a layout. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const mark = (correct) => (correct === null ? "" : correct ? "✓" : "✗");
const markWord = (correct) => (correct === null ? "" : correct ? ", right" : ", wrong");
const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

class Board {
  constructor(parent) {
    this.root = el("div", "board");
    this.lanes = new Map();
    this.grid = this.root.appendChild(el("div", "lanes"));
    this.bar = this.root.appendChild(el("div", "bar"));
    this.locked = true;
    // Where all lanes are scrolled to, and what each is ahead of that.
    this.top = 0;
    this.at = -1;
    this.buildBar();
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.watcher = new ResizeObserver(() => this.drawRails());
    this.watcher.observe(this.root);
    parent.append(this.root);
  }

  close() {
    this.watcher.disconnect();
    this.root.remove();
  }

  buildBar() {
    this.said = this.bar.appendChild(el("span", "said"));
    this.said.setAttribute("aria-live", "polite");
    const buttons = this.bar.appendChild(el("span", "buttons"));
    this.previous = buttons.appendChild(button("chip", "◂ Previous", () => this.step(-1)));
    this.first = buttons.appendChild(button("chip", "First divergence", () => this.jump(0)));
    this.next = buttons.appendChild(button("chip", "Next ▸", () => this.step(1)));
    this.previous.title = "Previous difference (P)";
    this.first.title = "Jump to where the texts first part (D)";
    this.next.title = "Next difference (N)";
    const label = this.bar.appendChild(el("label", "lock"));
    this.lock = label.appendChild(el("input"));
    Object.assign(this.lock, { type: "checkbox", checked: true });
    this.lock.onchange = () => this.setLock(this.lock.checked);
    label.append(" Scroll together");
    this.bar.append(el("span", "legend", ""));
    const legend = this.bar.lastChild;
    legend.append(el("mark", "", "Marked"), " words differ from the first lane's.");
  }

  // ------------------------------------------------------------------------------------------ update

  update(data) {
    const text = JSON.stringify(data);
    if (text === this.text) return;
    this.text = text;
    const before = this.data;
    this.data = data;
    if (before && data.lanes.length && before.lanes[0]?.open !== data.lanes[0].open) this.at = -1;
    const kept = new Set(data.lanes.map((lane) => lane.place));
    for (const [place, lane] of this.lanes) {
      if (kept.has(place)) continue;
      lane.el.remove();
      this.lanes.delete(place);
    }
    this.root.style.setProperty("--lanes", data.lanes.length);
    data.lanes.forEach((raw, i) => {
      let lane = this.lanes.get(raw.place);
      if (!lane) this.lanes.set(raw.place, (lane = new Lane(this)));
      if (this.grid.children[i] !== lane.el) this.grid.insertBefore(lane.el, this.grid.children[i] || null);
      lane.draw(raw);
    });
    this.drawBar();
    this.drawRails();
  }

  drawBar() {
    const { places, lanes } = this.data;
    const texts = lanes.filter((lane) => lane.text.length).length;
    this.bar.hidden = texts === 0;
    const none = places.length === 0;
    for (const one of [this.previous, this.first, this.next]) one.disabled = none;
    if (texts < 2) setText(this.said, "");
    else if (none) setText(this.said, lanes.some((lane) => lane.writing) ? "No difference so far." : "All texts are the same.");
    else {
      const here = this.at >= 0 && this.at < places.length ? `Difference ${this.at + 1} of ${places.length}` : plural(places.length, "difference");
      setText(this.said, `${here}; the texts part at word ${(places[0] + 1).toLocaleString("en")}.`);
    }
  }

  ordered() {
    return this.data ? this.data.lanes.map((raw) => this.lanes.get(raw.place)) : [];
  }

  drawRails() {
    for (const lane of this.ordered()) lane.drawRail();
  }

  // ------------------------------------------------------------------------------------------ scrolling

  /** A person scrolled one lane: the others go along. */
  scrolled(lane) {
    const top = lane.box.scrollTop;
    if (top === lane.put) return;
    lane.put = top;
    lane.follow = top + lane.box.clientHeight >= lane.box.scrollHeight - 4;
    if (!this.locked) {
      lane.ahead = top - this.top;
      return;
    }
    this.top = top - lane.ahead;
    for (const other of this.ordered()) {
      if (other === lane) continue;
      other.follow = false;
      other.moveTo(this.top + other.ahead);
    }
  }

  setLock(on) {
    this.locked = on;
    if (!on) return;
    // What stands side by side now stays so.
    const [first] = this.ordered();
    this.top = first ? first.box.scrollTop : 0;
    for (const lane of this.ordered()) lane.ahead = lane.box.scrollTop - this.top;
  }

  step(by) {
    const { places } = this.data;
    if (!places.length) return;
    this.jump(Math.min(places.length - 1, Math.max(0, this.at < 0 ? (by > 0 ? 0 : places.length - 1) : this.at + by)));
  }

  /** Bring every lane to the same difference, a little below its upper edge. */
  jump(index) {
    const { places } = this.data;
    if (index >= places.length) return;
    this.at = index;
    const place = places[index], next = places[index + 1] ?? Infinity;
    const lanes = this.ordered();
    for (const lane of lanes) {
      lane.follow = false;
      lane.goTo(place, next);
    }
    this.top = lanes[0].wanted;
    for (const lane of lanes) lane.ahead = lane.wanted - this.top;
    this.drawBar();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { d: () => this.jump(0), n: () => this.step(1), p: () => this.step(-1) }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

class Lane {
  constructor(board) {
    this.board = board;
    this.ahead = this.wanted = this.put = 0;
    this.follow = true;
    this.drawn = [];
    this.el = el("section", "lane");
    const head = this.el.appendChild(el("div", "head"));
    this.number = head.appendChild(el("span", "number"));
    this.state = head.appendChild(el("span", "state"));
    this.spent = head.appendChild(el("span", "spent"));
    this.error = this.el.appendChild(el("div", "error"));
    this.error.setAttribute("role", "alert");
    this.answers = this.el.appendChild(el("div", "answers"));
    this.runs = this.el.appendChild(el("div", "runs"));
    this.runs.setAttribute("role", "group");
    this.branches = this.el.appendChild(el("ol", "branches"));
    const frame = this.el.appendChild(el("div", "frame"));
    this.box = frame.appendChild(el("div", "text"));
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "region");
    this.rail = frame.appendChild(el("div", "rail"));
    this.rail.setAttribute("aria-hidden", "true");
    this.box.addEventListener("scroll", () => board.scrolled(this));
    this.rail.addEventListener("click", (event) => this.clickRail(event));
  }

  draw(raw) {
    this.raw = raw;
    const name = `Lane ${raw.n}: ${raw.name}`;
    this.el.setAttribute("aria-label", name);
    this.box.setAttribute("aria-label", `Text of lane ${raw.n}`);
    this.el.className = `lane ${raw.tone}`;
    this.el.dataset.place = raw.place;
    setText(this.number, String(raw.n));
    setText(this.state, raw.state);
    setText(this.spent, raw.spent);
    setText(this.error, raw.error);
    this.error.hidden = !raw.error;
    this.drawAnswers();
    this.drawRuns();
    this.drawBranches();
    this.drawText();
  }

  drawAnswers() {
    const { answers, runs } = this.raw;
    const sign = JSON.stringify([answers, runs.length]);
    if (sign === this.answersSign) return;
    this.answersSign = sign;
    this.answers.hidden = !answers.length;
    this.answers.replaceChildren(
      ...answers.map(([text, times, correct]) => {
        const chip = el("span", `answer ${correct === null ? "" : correct ? "right" : "wrong"}`);
        chip.append(el("b", "", text));
        if (runs.length) chip.append(el("span", "times", ` ×${times}`));
        if (correct !== null) chip.append(el("span", "mark", ` ${mark(correct)}`), el("span", "unseen", correct ? " right" : " wrong"));
        return chip;
      }),
    );
  }

  drawRuns() {
    const { runs, open, place, n } = this.raw;
    const sign = JSON.stringify([runs, open]);
    if (sign === this.runsSign) return;
    this.runsSign = sign;
    this.runs.hidden = runs.length < 2;
    this.runs.setAttribute("aria-label", `Runs of lane ${n}`);
    const focused = this.runs.contains(this.el.getRootNode().activeElement) && this.el.getRootNode().activeElement.dataset.run;
    this.runs.replaceChildren(
      ...runs.map(([run, seed, answer, correct], i) => {
        const one = button("run", `${i + 1}`, () => this.board.tell({ place, run }));
        one.dataset.run = run;
        one.append(el("span", "mark", mark(correct)));
        one.setAttribute("aria-pressed", String(run === open));
        one.setAttribute("aria-label", `Run ${i + 1}, seed ${seed}: ${answer}${markWord(correct)}`);
        one.title = `seed ${seed}: ${answer}${markWord(correct)}`;
        return one;
      }),
    );
    if (focused) [...this.runs.children].find((one) => one.dataset.run === focused)?.focus();
  }

  drawBranches() {
    const { branches, more } = this.raw;
    const sign = JSON.stringify([branches, more]);
    if (sign === this.branchesSign) return;
    this.branchesSign = sign;
    this.branches.hidden = !branches.length;
    this.branches.setAttribute("aria-label", `Branches of lane ${this.raw.n}`);
    const longest = Math.max(1, ...branches.map(([, tokens]) => tokens));
    this.branches.replaceChildren(
      ...branches.map(([number, tokens, answer, look]) => {
        const row = el("li", look);
        const bar = el("span", "bar-of");
        bar.append(el("i"));
        bar.firstChild.style.width = `${(100 * tokens) / longest}%`;
        row.append(el("span", "which", `${look === "chosen" ? "✓ " : ""}${number}`), bar, el("b", "", answer));
        row.title = `branch ${number}: ${plural(tokens, "token")}${answer ? `, answer ${answer}` : ""}${look ? `, ${look}` : ""}`;
        return row;
      }),
      ...(more ? [el("li", "rest", `and ${plural(more, "branch").replace("branchs", "branches")} more`)] : []),
    );
  }

  drawText() {
    const { text, writing } = this.raw;
    const following = writing && this.follow;
    // Pieces before the first that changed stay as they are: a growing text costs its end only.
    let same = 0;
    while (same < text.length && same < this.drawn.length && text[same].every((value, i) => value === this.drawn[same][i])) same++;
    while (this.box.childElementCount > same) this.box.lastElementChild.remove();
    for (const [look, at, words] of text.slice(same)) {
      const piece = this.box.appendChild(el(look & DIFFERS ? "mark" : "span", look & TITLE ? "title" : "", words));
      piece.dataset.at = at;
    }
    this.drawn = text;
    this.box.classList.toggle("empty", !text.length);
    this.box.dataset.empty = text.length ? "" : writing ? "…" : this.raw.open ? "Nothing was written." : "Its text will stand here.";
    if (following) {
      this.moveTo(this.box.scrollHeight);
      this.ahead = this.box.scrollTop - this.board.top;
    }
  }

  drawRail() {
    const { box, rail } = this;
    const whole = box.scrollHeight;
    const marks = [...box.querySelectorAll("mark")];
    rail.classList.toggle("none", !marks.length);
    const sign = marks.map((one) => `${one.offsetTop},${one.offsetHeight}`).join(" ") + whole;
    if (sign === this.railSign) return;
    this.railSign = sign;
    rail.replaceChildren(
      ...marks.map((one) => {
        const tick = el("i");
        tick.style.top = `${(100 * one.offsetTop) / whole}%`;
        tick.style.height = `${Math.max(0.8, (100 * one.offsetHeight) / whole)}%`;
        return tick;
      }),
    );
  }

  /** To the difference nearest to where the rail was clicked. */
  clickRail(event) {
    const frame = this.rail.getBoundingClientRect();
    const y = ((event.clientY - frame.top) / frame.height) * this.box.scrollHeight;
    const marks = [...this.box.querySelectorAll("mark")];
    if (!marks.length) return;
    const near = marks.reduce((best, one) => (Math.abs(one.offsetTop - y) < Math.abs(best.offsetTop - y) ? one : best));
    const { places } = this.board.data;
    const at = Number(near.dataset.at);
    const index = places.findLastIndex((place) => place <= at);
    this.board.jump(Math.max(0, index));
  }

  /** The first marked piece from word `place` of the first lane up to `next`, or else what stands there. */
  pieceAt(place, next) {
    const pieces = [...this.box.children];
    const at = (piece) => Number(piece.dataset.at);
    return (
      pieces.find((piece) => piece.localName === "mark" && at(piece) >= place && at(piece) < next) ||
      pieces.findLast((piece) => at(piece) <= place) ||
      pieces[0]
    );
  }

  goTo(place, next) {
    const piece = this.pieceAt(place, next);
    for (const one of this.box.querySelectorAll(".here")) one.classList.remove("here");
    if (!piece) {
      this.wanted = this.board.top;
      return;
    }
    if (piece.localName === "mark") piece.classList.add("here");
    this.wanted = Math.max(0, piece.offsetTop - this.box.clientHeight / 3);
    this.moveTo(this.wanted);
  }

  /** Scroll there without the others going along. */
  moveTo(top) {
    this.box.scrollTop = top;
    this.put = this.box.scrollTop;
  }
}
