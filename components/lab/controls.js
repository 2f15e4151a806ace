// The settings: presets, native sliders, and the chips that say in which order they work and what each one cut.

// Each slider runs over a list of values: finer where it matters, and with "off" at the end where nothing is cut.
const SLIDERS = [
  {
    name: "temperature", title: "temperature T", ends: ["0.05", "5"],
    values: () => TEMPERATURES, show: temperatureText, spoken: temperatureText,
  },
  {
    name: "top_k", title: "top-k", ends: ["1", "off"],
    values: (size) => [...someCounts(size), 0],
    show: (value) => (value ? count(value, "token") : "off"), spoken: (value) => (value ? `the ${count(value, "largest token")}` : "off"),
  },
  {
    name: "top_p", title: "top-p", ends: ["0.01", "off"], values: () => steps(0.01, 1, 0.01),
    show: (value) => (value < 1 ? `${value} of the mass` : "off"), spoken: (value) => (value < 1 ? `${value} of the probability mass` : "off"),
  },
  {
    name: "min_p", title: "min-p", ends: ["off", "1"], values: () => [0, 0.001, 0.002, 0.005, ...steps(0.01, 1, 0.01)],
    show: (value) => (value ? `${value} of the max` : "off"), spoken: (value) => (value ? `${value} of the largest probability` : "off"),
  },
];

const PRESETS = [
  ["as it is", "T = 1, nothing cut: the model's own distribution", OFF],
  ["greedy", "do_sample off: always the arg-max", { ...OFF, do_sample: false }],
  ["careful", "T = 0.5, top-p 0.9", { ...OFF, temperature: 0.5, top_p: 0.9 }],
  ["usual chat", "T = 0.7, top-k 20, top-p 0.8", { ...OFF, temperature: 0.7, top_k: 20, top_p: 0.8 }],
  ["bold, min-p", "T = 1.5, min-p 0.1", { ...OFF, temperature: 1.5, min_p: 0.1 }],
  ["wild", "T = 3, nothing cut", { ...OFF, temperature: 3 }],
];

const GREEDY = "Sampling is off: the likeliest token is always taken, and the sliders are ignored.";
const LIVE = "All here follows while you drag; what is below follows when you let go.";

/** 1, 2, 3 … 100, then ever larger steps below `size`. */
function someCounts(size) {
  const counts = steps(1, Math.min(100, size - 1), 1);
  for (let ten = 100; ten < size; ten *= 10) {
    for (const n of [1.2, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (n * ten < size) counts.push(Math.round(n * ten));
  }
  return counts;
}

class Controls {
  /** `onMove` is called while a slider moves, `onRest` when it was let go. */
  constructor(onMove, onRest) {
    this.onMove = onMove;
    this.onRest = onRest;
    this.settings = { ...OFF };
    this.chips = el("ol", "processors");
    this.chips.setAttribute("aria-label", "What happens to the logits, in this order");
    this.root = el("div", "controls");
    this.buildPresets();
    const sample = this.root.appendChild(el("label", "switch"));
    this.sample = sample.appendChild(el("input"));
    this.sample.type = "checkbox";
    this.sample.setAttribute("role", "switch");
    sample.append(el("span", "", "sample"), el("code", "quiet", "do_sample"));
    this.sample.onchange = () => this.change({ do_sample: this.sample.checked }, true);
    this.sliders = SLIDERS.map((spec) => this.slider(spec));
    this.why = this.root.appendChild(el("p", "why"));
  }

  buildPresets() {
    const box = this.root.appendChild(el("div", "presets"));
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Presets");
    this.presets = PRESETS.map(([name, title, settings]) => {
      const node = box.appendChild(button("chip", name, () => this.change(settings, true)));
      node.title = title;
      return { node, settings };
    });
  }

  slider(spec) {
    const root = this.root.appendChild(el("div", "slider"));
    const name = root.appendChild(el("label", "", spec.title));
    const output = root.appendChild(el("output"));
    const input = root.appendChild(el("input"));
    const ends = root.appendChild(el("div", "ends quiet"));
    ends.setAttribute("aria-hidden", "true");
    ends.append(...spec.ends.map((end) => el("span", "", end)));
    input.type = "range";
    input.id = `lab-${spec.name}`;
    name.htmlFor = output.htmlFor = input.id;
    const slider = { ...spec, root, input, output, list: [] };
    input.oninput = () => this.change({ [spec.name]: slider.list[Number(input.value)] }, false);
    input.onchange = () => this.onRest();
    return slider;
  }

  /** For a vocabulary of `size`, null where it is not known; `why` says why nothing can be set, if so. */
  open(size, why) {
    this.blocked = why;
    for (const slider of this.sliders) {
      slider.list = slider.values(size || 100);
      slider.input.min = 0;
      slider.input.max = slider.list.length - 1;
      slider.input.step = 1;
    }
    this.show();
  }

  /** Take over settings from elsewhere. */
  set(settings) {
    this.settings = { ...this.settings, ...settings };
    this.show();
  }

  change(some, resting) {
    this.set(some);
    this.onMove();
    if (resting) this.onRest();
  }

  show() {
    const { settings } = this, greedy = isGreedy(settings);
    this.sample.checked = settings.do_sample;
    this.sample.disabled = Boolean(this.blocked);
    for (const slider of this.sliders) {
      const value = settings[slider.name];
      putSlider(slider.input, nearest(slider.list, value));
      slider.input.setAttribute("aria-valuetext", slider.spoken(value));
      slider.input.disabled = Boolean(this.blocked) || greedy;
      slider.root.classList.toggle("idle", slider.input.disabled);
      setText(slider.output, slider.show(value));
    }
    for (const { node, settings: preset } of this.presets) {
      node.setAttribute("aria-pressed", String(Object.keys(OFF).every((name) => preset[name] === settings[name])));
      node.disabled = Boolean(this.blocked);
    }
    setText(this.why, this.blocked || (greedy ? GREEDY : LIVE));
  }

  /** The processors in the order they run, each with how many tokens it cut; ignored ones struck out. */
  drawChips(now) {
    if (!now) return this.chips.replaceChildren();
    const { temperature, top_k, top_p, min_p } = this.settings;
    const chip = (on, text, cut) => [on ? "" : "off", text, cut];
    const chain = [
      ["", "logits"],
      chip(temperature !== 1, `÷ T ${this.sliders[0].show(temperature)}`),
      chip(top_k > 0, top_k ? `top-k ${count(top_k)}` : "top-k off", now.size - now.afterTopK),
      chip(top_p < 1, top_p < 1 ? `top-p ${top_p}` : "top-p off", now.afterTopK - now.afterTopP),
      chip(min_p > 0, min_p ? `min-p ${min_p}` : "min-p off", now.afterTopP - now.kept),
    ];
    if (now.greedy) for (const one of chain.slice(1)) one.splice(0, 3, "off struck", one[1]);
    chain.push(["end", now.greedy ? "take the arg-max" : "softmax, then draw"]);
    this.chips.replaceChildren(...chain.map(([kind, text, cut]) => {
      const item = el("li", kind);
      item.append(kind.includes("struck") ? el("s", "", text) : text);
      if (kind.includes("struck")) item.append(el("span", "unseen", " (ignored)"));
      if (cut > 0) item.append(el("span", "quiet", ` cuts ${count(cut)}`));
      return item;
    }));
  }
}
