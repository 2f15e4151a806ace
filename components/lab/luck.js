// Same luck: a row for each step with what its random number draws along the temperature, and a line to move through it.

const pictures = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  let picture = pictures.get(parentElement);
  if (!picture) pictures.set(parentElement, (picture = new LuckPicture(parentElement)));
  picture.update(data);
  return () => {
    picture.root.remove();
    pictures.delete(parentElement);
  };
}

class LuckPicture {
  constructor(parent) {
    this.root = el("div", "luck");
    const slider = this.root.appendChild(el("div", "slider"));
    const name = slider.appendChild(el("label", "", "the same luck at temperature T"));
    this.output = slider.appendChild(el("output"));
    this.input = slider.appendChild(el("input"));
    Object.assign(this.input, { type: "range", id: "luck-t", min: 0, max: TEMPERATURES.length - 1, step: 1 });
    name.htmlFor = this.output.htmlFor = this.input.id;
    this.input.oninput = () => this.move(TEMPERATURES[Number(this.input.value)]);
    this.said = this.root.appendChild(el("p", "said"));
    this.said.setAttribute("aria-live", "polite");
    this.board = this.root.appendChild(el("div", "board"));
    this.axis = this.board.appendChild(el("div", "step axis"));
    this.axis.setAttribute("aria-hidden", "true");
    this.list = this.board.appendChild(el("ol", "list"));
    this.list.setAttribute("aria-label", "The steps; along each, what its random number draws as T rises");
    this.line = this.board.appendChild(el("div", "now"));
    this.line.setAttribute("aria-hidden", "true");
    parent.append(this.root);
  }

  update(data) {
    followTheme(this.root);
    const text = JSON.stringify(data);
    if (text === this.text) return;
    this.text = text;
    this.data = data;
    this.drawAxis();
    this.rows = data.steps.map((step, i) => this.row(step, i));
    this.list.replaceChildren(...this.rows.map((row) => row.node));
    this.move(data.temperature);
  }

  /** Where a temperature lies on the axis, in percent; equal ratios are equal lengths. */
  place(t) {
    const { low, high } = this.data;
    return (100 * Math.log(Math.min(high, Math.max(low, t)) / low)) / Math.log(high / low);
  }

  drawAxis() {
    const scale = el("div", "scale quiet");
    for (const t of [0.05, 0.1, 0.2, 0.5, 1, 2, 5]) {
      const tick = scale.appendChild(el("span", "", String(t)));
      tick.style.left = `${this.place(t)}%`;
    }
    const present = scale.appendChild(el("span", "present", "▾"));
    present.style.left = `${this.place(this.data.temperature)}%`;
    this.axis.replaceChildren(el("span", "quiet", "token"), el("span", "quiet u", "u"), scale);
  }

  row(step, i) {
    const node = el("li", "step"), track = el("div", "track");
    const name = el("span", "name");
    writeToken(name, step.text);
    node.append(name, el("span", "quiet u", step.u.toFixed(3)), track);
    step.choices.forEach(([from, text, same], n) => {
      const part = track.appendChild(el("span", same ? "same" : n % 2 ? "other odd" : "other"));
      const end = n + 1 < step.choices.length ? step.choices[n + 1][0] : this.data.high;
      part.style.left = `${this.place(from)}%`;
      part.style.width = `${this.place(end) - this.place(from)}%`;
      // A sliver has no room for its token; its title has it.
      if (this.place(end) - this.place(from) > 1.8) writeToken(part, text);
      part.title = `T ${temperatureText(from)} to ${temperatureText(end)}: ${spoken(text)}`;
    });
    return { node, step, i };
  }

  /** Say and show what the same luck would write at a temperature. */
  move(t) {
    setText(this.output, temperatureText(t));
    putSlider(this.input, nearest(TEMPERATURES, t));
    this.input.setAttribute("aria-valuetext", temperatureText(t));
    this.line.style.setProperty("--at", this.place(t) / 100);
    const drawn = this.rows.map(({ step }) => choiceAt(step, t));
    const first = drawn.findIndex(([, , same]) => !same);
    this.rows.forEach(({ node }, i) => {
      node.classList.toggle("flip", i === first);
      node.classList.toggle("after", first >= 0 && i > first);
    });
    this.said.replaceChildren();
    if (first < 0) return this.said.append(`At T = ${temperatureText(t)} the same luck writes the same ${count(drawn.length, "token")}.`);
    const [was, is] = [this.data.steps[first].text, drawn[first][1]].map((text) => {
      const node = el("span", "word");
      writeToken(node, text);
      return node;
    });
    this.said.append(
      `At T = ${temperatureText(t)} ${first === 0 ? "no token stays" : first === 1 ? "the first token stays" : `the first ${first} tokens stay`} the same; `,
      `token ${first + 1} flips from `, was, " to ", is, ", and from there the text goes its own way.",
    );
  }
}

function choiceAt(step, t) {
  let found = step.choices[0];
  for (const choice of step.choices) if (choice[0] <= t) found = choice;
  return found;
}
