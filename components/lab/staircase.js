// The staircase: probability summed from the likeliest token down, as top-p sees it, over the ranks of the whole
// vocabulary by powers of ten. Lines stand where the processors cut; what they cut lies under the hatched band.

const STAIRS = { width: 300, height: 196, left: 30, right: 12, top: 16, bottom: 34 };
// Beyond this many steps a step is narrower than a pixel.
const STEPS = 240;

class Staircase {
  constructor() {
    this.root = el("figure", "staircase");
    const { width, height } = STAIRS;
    this.svg = this.root.appendChild(shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }));
    const hatch = this.svg.appendChild(shape("defs")).appendChild(
      shape("pattern", { id: "lab-cut", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }),
    );
    hatch.append(shape("rect", { class: "wash", width: 6, height: 6 }), shape("rect", { class: "stripe", width: 2, height: 6 }));
    this.frame = this.svg.appendChild(shape("g", { class: "frame" }));
    this.band = this.svg.appendChild(shape("rect", { fill: "url(#lab-cut)", y: STAIRS.top, height: this.y(0) - STAIRS.top }));
    this.path = this.svg.appendChild(shape("path", { class: "climb" }));
    this.lines = {};
    for (const name of ["top-k", "top-p", "min-p"]) {
      const group = this.svg.appendChild(shape("g", { class: "limit" }));
      this.lines[name] = { group, line: group.appendChild(shape("line")), label: group.appendChild(shape("text")) };
    }
    this.bandLabel = this.svg.appendChild(shape("text", { class: "band-label" }));
    this.caption = this.root.appendChild(el("figcaption", "quiet"));
  }

  /** Ranks count from 1; rank r's step runs from x(r) to x(r + 1). */
  x(rank) {
    return STAIRS.left + (STAIRS.width - STAIRS.left - STAIRS.right) * (Math.log(rank) / Math.log(this.size + 1));
  }

  y(p) {
    return STAIRS.top + (1 - p) * (STAIRS.height - STAIRS.top - STAIRS.bottom);
  }

  /** Lay out the axes for a vocabulary, or for the few tokens that are known. */
  open(size) {
    this.size = size;
    this.places = ranksToDraw(size);
    const { width, left, right } = STAIRS, floor = this.y(0), parts = [];
    for (const p of [0, 0.5, 1]) {
      parts.push(shape("line", { x1: left, x2: width - right, y1: this.y(p), y2: this.y(p) }));
      parts.push(label(left - 6, this.y(p) + 4, String(p), "end"));
    }
    for (let rank = 1; rank <= size; rank *= 10) {
      parts.push(shape("line", { x1: this.x(rank), x2: this.x(rank), y1: floor, y2: floor + 4 }));
      if (rank === 1 || this.x(size + 1) - this.x(rank) > 34) {
        parts.push(label(this.x(rank), floor + 16, count(rank), rank === 1 ? "start" : "middle"));
      }
    }
    parts.push(label(width - right, floor + 16, count(size), "end"));
    parts.push(label((left + width - right) / 2, floor + 30, "rank of the token", "middle"));
    this.frame.replaceChildren(...parts);
  }

  draw(now, settings) {
    const { width, right, top } = STAIRS, floor = this.y(0), edge = width - right;
    let d = `M${this.x(1).toFixed(1)} ${floor}`;
    for (const rank of this.places) {
      d += `V${this.y(climbed(now, rank - 1)).toFixed(1)}H${this.x(rank + 1).toFixed(1)}`;
    }
    this.path.setAttribute("d", d);
    const cut = this.x(now.kept + 1);
    this.band.setAttribute("x", cut.toFixed(1));
    this.band.setAttribute("width", Math.max(0, edge - cut).toFixed(1));
    const k = this.x(now.afterTopK + 1), kept = this.x(now.kept + 1), p = this.y(settings.top_p);
    const on = (value) => value && !now.greedy;
    this.limit("top-k", on(settings.top_k > 0), [k, top, k, floor], [k, top - 5], "top-k");
    this.limit("top-p", on(settings.top_p < 1), [STAIRS.left, p, edge, p], [edge, p + (settings.top_p > 0.85 ? 13 : -5)], "top-p");
    this.limit("min-p", on(settings.min_p > 0), [kept, top, kept, floor], [kept, floor - 6], "min-p");
    const gone = now.size - now.kept;
    setText(this.bandLabel, gone && edge - cut > 74 ? `${count(gone)} cut` : "");
    this.bandLabel.setAttribute("x", ((cut + edge) / 2).toFixed(1));
    this.bandLabel.setAttribute("y", this.y(0.28).toFixed(1));
    this.say(`Probability summed by rank, after temperature and top-k: ${count(now.kept)} of ${count(now.size, "token")} kept, the ${count(gone)} under the hatched band cut.`);
    setText(this.caption, "summed probability, as top-p sees it; hatched: cut");
  }

  /** The sums of the few probabilities that are known. */
  drawGiven(tokens) {
    let d = `M${this.x(1).toFixed(1)} ${this.y(0)}`, sum = 0;
    tokens.forEach((token, i) => {
      sum += Math.exp(token.logprob);
      d += `V${this.y(sum).toFixed(1)}H${this.x(i + 2).toFixed(1)}`;
    });
    this.path.setAttribute("d", d);
    this.band.setAttribute("width", 0);
    setText(this.bandLabel, "");
    for (const { group } of Object.values(this.lines)) group.style.display = "none";
    this.say(`Probability summed over the ${tokens.length} tokens that are known: ${probabilityText(sum)}.`);
    setText(this.caption, `probability summed by rank, as far as it is known: ${probabilityText(sum)}`);
  }

  say(text) {
    this.svg.setAttribute("aria-label", text);
  }

  limit(name, shown, [x1, y1, x2, y2], [x, y], text) {
    const { group, line, label: written } = this.lines[name];
    group.style.display = shown ? "" : "none";
    if (!shown) return;
    for (const [key, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(key, value.toFixed(1));
    const late = x > STAIRS.width - 60;
    written.setAttribute("x", (late ? x - 4 : x + 4).toFixed(1));
    written.setAttribute("y", y.toFixed(1));
    written.setAttribute("text-anchor", late ? "end" : "start");
    setText(written, text);
  }
}

function label(x, y, text, anchor) {
  const node = shape("text", { x, y, "text-anchor": anchor });
  node.textContent = text;
  return node;
}

/** All ranks of a small vocabulary; of a large one those that lie about a pixel apart. */
function ranksToDraw(size) {
  const ranks = [];
  for (let i = 0, last = 0; i <= STEPS; i++) {
    const rank = Math.min(size, Math.max(last + 1, Math.floor((size + 1) ** (i / STEPS))));
    if (rank > last) ranks.push((last = rank));
  }
  return ranks;
}
