// Words, numbers and small elements; the smallest are shared, see components/parts.

const fixed = (value, digits = 3) => {
  if (value === undefined || value === null || Number.isNaN(value)) return "not given";
  const least = 10 ** -digits;
  if (value > 0 && value < least / 2) return `<${least.toFixed(digits)}`;
  return Math.abs(value) < least / 2 ? (0).toFixed(digits) : value.toFixed(digits).replace("-", "−");
};
const count = (n, noun, plural = `${noun}s`) => `${n.toLocaleString("en")} ${n === 1 ? noun : plural}`;
const ENDS = { length: "cut at the token limit", loop: "stopped in a loop", "context full": "context full" };

const INVISIBLE = /([\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\n)/;
const INVISIBLE_OR_SPACE =
  /([\u0000-\u0020\u007f-\u00a0\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff])/;

/** Text as it stands; what cannot be seen gets a mark. On one line, spaces and line ends are marks alone. */
function write(node, text, oneLine = false) {
  node.replaceChildren();
  if (oneLine && /^\p{M}/u.test(text)) node.append("\u25cc"); // an accent needs something to sit on
  for (const part of text.split(oneLine ? INVISIBLE_OR_SPACE : INVISIBLE)) {
    if (part === "") continue;
    const odd = INVISIBLE.test(part) || (oneLine && (part === " " || part === "\u00a0"));
    if (!odd) {
      node.append(part);
      continue;
    }
    const mark = el("span", "mark", signOf(part));
    mark.setAttribute("aria-hidden", "true");
    node.append(mark);
    if (!oneLine && (part === "\n" || part === "\t")) node.append(part);
  }
}

/** A token's name in one line: its text, its id where it has none, or a note. */
function writeLabel(node, label) {
  node.classList.toggle("note", typeof label !== "string");
  if (typeof label === "string") write(node, label, true);
  else if (typeof label === "number") node.textContent = `token ${label}, no text`;
  else node.textContent = label.note;
}

const spoken = (label) =>
  typeof label === "string" ? JSON.stringify(label) : typeof label === "number" ? `token ${label}` : label.note;

/** The class of a cell that rises to `value`; "u" where that is not known. */
function level(value) {
  if (Number.isNaN(value)) return "u";
  return value > 0.01 ? `v${Math.max(2, Math.round(18 * value))}` : "v0";
}

/** Put a mark over cells [from, to), or over one cell. */
function place(mark, shown, from = 0, to = from + 1) {
  mark.hidden = !shown;
  if (!shown) return;
  mark.style.setProperty("--at", from);
  mark.style.setProperty("--n", to - from);
}

function gauge(share) {
  const track = el("span", "gauge");
  track.appendChild(el("b", "fill")).style.width = `${100 * gap(share || 0)}%`;
  return track;
}

/** An answer with the letter of its group, or what stands in its place; a frame moved by hand shows what it covers. */
function drawChip(node, group, answer, otherwise = "", covered = undefined) {
  const sign = JSON.stringify([group?.[0], answer, otherwise, covered]);
  if (node.dataset.drawn === sign) return;
  node.dataset.drawn = sign;
  if (answer === undefined) return node.replaceChildren(el("span", "quiet", otherwise));
  const chip = el("span", "chip");
  chip.classList.toggle("by-hand", covered !== undefined);
  if (group) chip.append(el("b", "letter", group[0]));
  const text = chip.appendChild(el("span", "said"));
  if (covered === undefined) setText(text, answer);
  else write(text, `“${covered}”`, true);
  text.dir = "auto";
  text.title = covered === undefined ? answer : `Your frame covers “${covered}”; the answer of this branch is ${answer}`;
  node.replaceChildren(chip);
}

/** A row in one sentence. */
function describe(row) {
  const { raw, data } = row;
  const parts = [row.name, leaves(row)];
  if (raw.chosen) parts.push("chosen");
  parts.push(raw.a === undefined ? without(row) : `answer ${raw.a}`);
  if (data.groups[raw.g]) parts.push(`group ${data.groups[raw.g][0]}`);
  if (row.delta !== undefined) parts.push(`delta ${fixed(row.delta)}${row.moved ? " in a frame moved by hand" : ""}`);
  if (row.moved) parts.push(`${fixed(row.foundDelta)} where the answer was found`, `the frame covers ${spoken(row.covered)}`);
  if (raw.sd !== undefined) parts.push(`over the whole text ${fixed(raw.sd)}`);
  if (raw.lp !== undefined) parts.push(`mean log-probability ${fixed(raw.lp)} nats`);
  if (row.length) parts.push(count(row.length, "token"), `p of the first ${fixed(row.p(0))}`);
  parts.push(shares(row), out(row));
  return parts.filter(Boolean).join(", ");
}

/** Where a fork leaves its row. */
const leaves = ({ fork }) => fork && `forked${fork[0] ? ` from ${rowName(fork[0])}` : ""} at token ${fork[1] + 1}`;
const shares = ({ raw }) => raw.with !== undefined && `first ${count(raw.s, "token")} as in ${rowName(raw.with)}`;
const rowName = (label) => `${label.startsWith("F") ? "fork" : "branch"} ${label}`;

/** What stands in the place of an answer. */
function without({ raw, data }) {
  if (raw.w) return "writing";
  return raw.status === "failed" ? "failed" : data.running ? "" : "no answer";
}

/** Why a branch does not count. */
function out({ raw }) {
  if (raw.status !== "pruned" && raw.status !== "failed") return "";
  return `${raw.status === "pruned" ? "left out" : "failed"}${raw.reason ? `: ${raw.reason}` : ""}`;
}

/** A link whose click copies it; hidden until `setLink` gives it an address. */
function link(said) {
  const anchor = el("a", "link", said);
  anchor.dataset.said = said;
  anchor.hidden = true;
  return anchor;
}

function setLink(anchor, address, what) {
  anchor.hidden = !address;
  if (!address) return;
  anchor.href = address;
  anchor.dataset.what = what;
  anchor.title = `Copy the address of ${what}`;
}
