// The lab: joins path, settings, rows and staircase. While a slider moves everything is computed and drawn here; Python
// hears of it when the slider is let go. `memory` keeps the settings when Streamlit mounts the lab again.

const labs = new WeakMap();
const memory = new Map();
// Keys fire a change each; Python need only hear of the last one.
const QUIET = 150;

export default function (component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  let lab = labs.get(parentElement);
  if (!lab) labs.set(parentElement, (lab = new Lab(parentElement)));
  lab.tell = (settings) => setStateValue("settings", settings);
  lab.ask = (action) => setTriggerValue("action", action);
  lab.update(data);
  return () => {
    lab.close();
    labs.delete(parentElement);
  };
}

class Lab {
  constructor(parent) {
    this.root = el("div", "lab");
    this.path = new Path((action) => this.act(action), (seed) => this.changeSeed(seed));
    this.controls = new Controls(() => this.soon(), () => this.report());
    this.rows = new Rows((token) => this.act({ do: "append", id: token.id }));
    this.staircase = new Staircase();
    const main = el("div", "main"), side = el("div", "side");
    this.facts = el("p", "facts");
    main.append(this.buildScale(), this.rows.root, this.facts);
    side.append(this.controls.root, this.staircase.root);
    const columns = el("div", "columns");
    columns.append(main, side);
    this.live = el("div", "unseen");
    this.live.setAttribute("aria-live", "polite");
    this.root.append(this.path.root, this.controls.chips, columns, this.live);
    parent.append(this.root);
  }

  buildScale() {
    const bar = el("div", "scale");
    const legend = bar.appendChild(el("div", "legend quiet"));
    this.keys = {};
    for (const [kind, text] of [["solid", "now"], ["ghost", "T = 1, nothing cut"], ["gone", "cut"]]) {
      const key = legend.appendChild(el("span"));
      key.append(el("i", `key ${kind}`), text);
      this.keys[kind] = key;
    }
    const choices = bar.appendChild(el("fieldset"));
    choices.append(el("legend", "unseen", "Scale of the probability axis"));
    const group = `scale-${Math.random().toString(36).slice(2)}`;
    for (const [name, log] of [["0 to 1", false], ["log", true]]) {
      const choice = choices.appendChild(el("label"));
      const radio = choice.appendChild(el("input"));
      Object.assign(radio, { type: "radio", name: group, checked: !log });
      choice.append(el("span", "", name));
      radio.onchange = () => this.useLog(log);
      if (log) this.logRadio = radio;
    }
    return bar;
  }

  close() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }

  update(data) {
    followTheme(this.root);
    if (data === this.data) return;
    this.data = data;
    const { view, logits } = unpack(data);
    this.view = view;
    this.logits = logits;
    this.takeOver(view);
    if (logits) {
      this.room = makeRoom(logits.length);
      this.before = distribution(logits, OFF, makeRoom(logits.length));
      this.entropyBefore = entropy(this.before);
    }
    this.rows.open(view, logits);
    this.staircase.open(logits ? logits.length : view.tokens.length);
    this.controls.open(view.vocabulary, view.why);
    this.path.open(view);
    this.path.setSeed(this.seed);
    this.keys.ghost.hidden = this.keys.gone.hidden = !logits;
    this.draw();
  }

  /** Python's settings count when it has changed them itself; otherwise what was set here is newer. */
  takeOver(view) {
    const kept = memory.get(view.key);
    if (kept && this.revision === undefined) this.logRadio.checked = this.rows.log = kept.log;
    if (!kept || kept.revision !== view.revision) {
      const { seed, ...settings } = view.settings;
      this.seed = seed;
      this.controls.set(settings);
    } else if (this.revision === undefined) {
      this.seed = kept.seed;
      this.controls.set(kept.settings);
    }
    this.revision = view.revision;
    this.remember();
  }

  remember() {
    const { revision, seed, controls: { settings }, rows: { log } } = this;
    memory.set(this.view.key, { revision, seed, settings, log });
  }

  /** Redraw at the next frame, once however often this is called before it. */
  soon() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    const { view, logits, controls: { settings } } = this;
    if (!logits) {
      this.rows.drawGiven();
      this.staircase.drawGiven(view.tokens);
      this.controls.drawChips(null);
      setText(this.facts, `The ${view.tokens.length} likeliest tokens are known; all others together hold ${percent(view.rest)}.`);
      return;
    }
    const now = distribution(logits, settings, this.room);
    this.rows.draw(now, this.before, settings);
    this.staircase.draw(now, settings);
    this.controls.drawChips(now);
    this.path.greedy(now.greedy, view.able);
    this.root.classList.toggle("greedy", now.greedy);
    setText(this.facts, this.summary(now));
  }

  summary(now) {
    const cuts = now.kept < now.size, kept = cuts ? `${count(now.kept)} of ${count(now.size, "token")} kept` : `all ${count(now.size, "token")} kept`;
    const share = cuts && !now.greedy ? `, ${percent(now.mass / now.total)} of the probability at this T` : "";
    return `${kept}${share} · entropy ${this.entropyBefore.toFixed(2)} bits as it is, ${entropy(now).toFixed(2)} bits now`;
  }

  useLog(log) {
    this.rows.useLog(log);
    this.draw();
    this.remember();
  }

  changeSeed(seed) {
    this.seed = seed;
    this.report();
  }

  /** Tell Python the settings once they have rested for a moment. */
  report() {
    this.remember();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), QUIET);
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    setText(this.live, this.facts.textContent);
    this.tell({ ...this.controls.settings, seed: this.seed, revision: this.revision });
  }

  act(action) {
    if (this.timer) this.flush();
    this.ask({ ...action, cursor: this.view.cursor });
  }
}

/** A header's length (uint32, little-endian), the header as JSON, then the logits as float32. */
function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const view = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  // Floats must begin at a multiple of four, and the message that these lie in need not: so they are copied.
  const logits = view.exact ? new Float32Array(bytes.slice(4 + length).buffer) : null;
  return { view, logits };
}
