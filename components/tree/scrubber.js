// Back and forth in time: through the phases of a search, or node by node; and c, which says where UCT would go.

const SHOW = 20_000, QUICKEST = 60, SLOWEST = 700; // ms: a whole run; between two places
const MOST_C = 3, STEP_C = 0.05;

class Scrubber {
  constructor(tree) {
    this.tree = tree;
    this.el = el("div", "scrubber");
    const line = this.el.appendChild(el("div", "line"));
    const add = (sign, label, act) => {
      const made = line.appendChild(button("chip", sign, act));
      made.setAttribute("aria-label", label);
      made.title = label;
      return made;
    };
    this.buttons = [
      add("«", "Previous round", () => this.jump(-1)),
      add("‹", "One back", () => this.go(this.place - 1)),
      add("▶", "Play", () => this.toggle()),
      add("›", "One on", () => this.go(this.place + 1)),
      add("»", "Next round", () => this.jump(1)),
    ];
    this.play = this.buttons[2];
    this.buttons[2].classList.add("play");
    this.slider = line.appendChild(el("input"));
    Object.assign(this.slider, { type: "range", step: 1 });
    this.slider.setAttribute("aria-label", "Moment of the run");
    this.slider.oninput = () => this.go(Number(this.slider.value));
    this.words = this.el.appendChild(el("p", "moment"));
    this.weigh = this.el.appendChild(el("div", "weigh"));
    const label = this.weigh.appendChild(el("label", "c"));
    this.cName = label.appendChild(el("span", "", "c"));
    this.cSlider = label.appendChild(el("input"));
    Object.assign(this.cSlider, { type: "range", min: 0, max: MOST_C, step: STEP_C });
    this.cSlider.setAttribute("aria-label", "c: how much UCT explores");
    this.cSlider.oninput = () => tree.setC(Number(this.cSlider.value));
    this.goes = this.weigh.appendChild(el("p", "goes"));
    this.goes.setAttribute("aria-live", "polite");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Where it stands; the last place while it follows what comes. */
  get place() {
    return this.tree.moment.at;
  }

  go(place) {
    const { model } = this.tree;
    this.tree.setMoment(place >= model.last ? null : Math.max(model.first, place));
  }

  /** To where the next round ends, or the one before. */
  jump(by) {
    const { steps, last, first } = this.tree.model;
    const ends = (at) => at <= first || at >= last || steps[at][1] !== steps[at - 1][1];
    let at = this.place + by;
    while (!ends(at)) at += by;
    this.go(at);
  }

  toggle() {
    if (this.timer) return this.pause();
    const { model } = this.tree;
    if (this.tree.moment.live) this.go(model.first);
    const wait = Math.max(QUICKEST, Math.min(SLOWEST, SHOW / Math.max(1, model.last - model.first)));
    this.timer = setInterval(() => {
      this.go(this.place + 1);
      if (this.tree.moment.live) this.pause();
    }, wait);
    this.draw();
  }

  pause() {
    this.stop();
    this.draw();
  }

  draw() {
    const { tree } = this, { model, moment } = tree;
    this.el.hidden = model.last - model.first < 1;
    const { buttons: [before, back, play, on, after], slider } = this;
    before.hidden = after.hidden = !model.searched;
    before.disabled = back.disabled = moment.at <= model.first;
    after.disabled = on.disabled = moment.live;
    setText(play, this.timer ? "❚❚" : "▶");
    play.title = this.timer ? "Pause" : "Play";
    play.setAttribute("aria-label", play.title);
    slider.min = model.first;
    slider.max = model.last;
    if (Number(slider.value) !== moment.at) slider.value = moment.at;
    slider.style.setProperty("--share", (moment.at - model.first) / Math.max(1, model.last - model.first));
    const words = describeMoment(tree);
    slider.setAttribute("aria-valuetext", words);
    setText(this.words, words);
    this.weigh.hidden = !model.searched;
    if (!model.searched) return;
    this.cSlider.max = Math.max(MOST_C, tree.ownC);
    setText(this.cName, `c = ${tree.c.toFixed(2)}${tree.c === tree.ownC ? "" : ` (the run's: ${tree.ownC.toFixed(2)})`}`);
    if (Number(this.cSlider.value) !== tree.c) this.cSlider.value = tree.c;
    this.cSlider.style.setProperty("--share", tree.c / this.cSlider.max);
    setText(this.goes, describeWalk(tree));
  }
}
