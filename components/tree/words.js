// Words and numbers of the tree picture.

const STATUS = { chosen: "✓", pruned: "✗", failed: "✗" };
const PHASES = ["select", "expand", "simulate", "back up"];

const count = (n, noun, plural = `${noun}s`) => `${n.toLocaleString("en")} ${n === 1 ? noun : plural}`;

/** A number in three digits that say something. */
function number(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size >= 100 || (size >= 10 && Number.isInteger(value)) ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
  return text.replace(/^-(0(\.0+)?)$/, "$1").replace("-", "−");
}

const short = (text, limit) => (text.length > limit ? `${text.slice(0, limit - 1).trimEnd()}…` : text);

const oneLine = (text) => text.replace(/\s+/g, " ").trim();

/** What colours say. */
const measureName = (by) => (by === Q ? "Q, the mean value" : by);
const measureUnit = (by) => (by === "logprob" ? " nats" : "");

/** A box in words: all that its looks say. */
function describe(tree, i) {
  const { model, moment } = tree, entry = model.entries[i];
  const parts = [`${entry.role}: ${short(oneLine(entry.label), 120)}`];
  if (entry.answer !== null) parts.push(`answer ${short(entry.answer, 40)}`);
  if (moment.visited && entry.walked) {
    const n = moment.stats.visits[i];
    parts.push(n ? `${count(n, "visit")}, mean value ${number(model.value(i, Q, moment))}` : "not visited");
  }
  for (const [by, value] of entry.scores) parts.push(`${by} ${number(value)}${measureUnit(by)}`);
  if (entry.status && model.settled(i, moment)) parts.push(entry.status + (entry.reason ? `: ${entry.reason}` : ""));
  if (entry.writing && moment.live) parts.push("being written");
  if (tree.marks.best.has(i)) parts.push("on the best path");
  if (tree.marks.walk.has(i)) parts.push("where UCT goes");
  return parts.join(", ");
}

/** What is counted beside a node, by its name: "3 votes". */
function asidesOf(model, i, many) {
  const roles = new Set(model.children[i].map((child) => model.entries[child]).filter(({ aside }) => aside).map(({ role }) => role));
  return count(many, roles.size === 1 ? [...roles][0] : "remark");
}

/** What folded-away nodes are, in words. */
function describeMore(item, moment) {
  const why = item.small && moment.visited ? "each with less than 1 % of the visits" : "more than fit side by side";
  return `${count(item.size, "more node")} in ${count(item.hidden.length, "subtree")}, ${why}; Enter unfolds them`;
}

/** Where the scrubber stands, in words. */
function describeMoment({ model, moment }) {
  if (!model.size) return "";
  if (!model.searched) {
    const of = `${count(moment.opened, "node")}${moment.live ? "" : ` of ${model.size.toLocaleString("en")}`}`;
    return moment.live ? `${of}, as they ${model.running ? "stand now" : "stood at the end"}` : `${of}: ${name(model, moment.active)} opens`;
  }
  const rounds = model.steps.at(-1)[1];
  if (!moment.step) return `Before the first of ${count(rounds, "round")}`;
  const [node, round, phase, value] = moment.step;
  const what = {
    [SELECT]: `the walk ends at ${name(model, node)}`,
    [EXPAND]: `${name(model, node)} gets its children`,
    [SIMULATE]: `from ${name(model, node)} on it is worth ${number(value)}`,
    [BACK_UP]: `${number(value)} is added to ${name(model, node)} and all above`,
  }[phase];
  return `Round ${round} of ${rounds}, ${PHASES[phase]}: ${what}`;
}

/** Where UCT would go, and whether the search went there. */
function describeWalk({ model, moment, c }) {
  const { path, taken, round } = moment;
  if (!path.length) return "";
  const goes = path.slice(1).map((i) => name(model, i)).join(" › ") || "nowhere yet";
  const at = `At c = ${c.toFixed(2)} the walk goes: ${goes}.`;
  if (!taken) return `${at} ${model.running ? "That round has not begun." : "No round followed."}`;
  const parts = path.findIndex((i, n) => taken[n] !== i);
  if (parts < 0 && path.length === taken.length) return `${at} Round ${round.number} went the same way.`;
  const there = parts < 0 ? "went on to" : "went another way, to";
  const next = taken[parts < 0 ? path.length : parts];
  return `${at} Round ${round.number} ${next === undefined ? "stopped before" : `${there} ${name(model, next)}`}.`;
}

const name = (model, i) => (i < 0 ? "nothing" : `“${short(oneLine(model.entries[i].label), 32)}”`);
