// What Python has told of the tree, put together from its messages (see wire.py), and the tree as it stood at a moment.

/** Said about a node, or asked for on the way to its children: counted beside it. */
const ASIDE = new Set(["verdict", "vote", "proposal"]);
/** No places that a search goes to. */
const NOT_WALKED = new Set([...ASIDE, "rollout"]);
const OUT = new Set(["pruned", "failed"]);

class Entry {
  constructor(row) {
    [this.id, this.parent, this.role, this.title, this.text, this.cut, this.tokens, this.status, this.reason, this.answer,
      this.scores, this.writing, this.closed] = row;
    this.scores = new Map(this.scores);
    this.aside = ASIDE.has(this.role);
    this.walked = !NOT_WALKED.has(this.role);
  }

  /** What it is called in one line. A title that was read out of the text says more than the text. */
  get label() {
    const text = this.text.trim() || this.title || this.role;
    return (this.role === "question" || this.role === "step") && this.title ? this.title : text;
  }
}

class Model {
  constructor() {
    this.number = 0;
    this.entries = [];
    this.steps = [];
    this.texts = new Map();
  }

  /** Take in a message; false where it builds on one that never came. */
  read(message) {
    if (message.number === this.number && message.run === this.run) return true;
    if (message.on && (message.on !== this.number || message.run !== this.run)) return false;
    if (!message.on) {
      if (message.run !== this.run) this.texts.clear();
      this.entries = [];
    }
    for (const name of ["number", "run", "running", "best", "names", "c"]) this[name] = message[name];
    this.entries.length = Math.min(this.entries.length, message.count);
    for (const [i, row] of message.rows) this.entries[i] = new Entry(row);
    this.steps = [...this.steps.slice(0, message.known), ...message.steps];
    this.parents = this.entries.map((entry) => entry.parent);
    this.children = this.entries.map(() => []);
    this.parents.forEach((parent, i) => parent >= 0 && this.children[parent].push(i));
    this.searched = this.steps.length > 0;
    return true;
  }

  get size() { return this.entries.length; }

  /** Places of the scrubber: after every phase of a search, else after every node that was opened. */
  get last() { return this.searched ? this.steps.length : this.size; }
  get first() { return this.searched ? 0 : Math.min(1, this.size); }

  /** The tree as it stood at a place of the scrubber; null is now. */
  at(place) {
    const live = place === null || place >= this.last;
    const at = live ? this.last : Math.max(this.first, place);
    const opened = live ? this.size : this.openedAt(at);
    const moment = { at, live, opened, round: null, path: [], taken: null, active: -1, step: null };
    moment.stats = replay(this.steps, this.searched ? at : 0, this.parents);
    moment.visited = this.searched && moment.stats.visits[0] > 0;
    if (!this.searched) {
      if (!live) moment.active = at - 1;
    } else if (at > 0) {
      moment.step = this.steps[at - 1];
      if (!live || this.running) moment.active = moment.step[0];
    }
    return moment;
  }

  openedAt(at) {
    if (!this.searched) return at;
    return Math.min(this.size, Math.max(1, this.steps[Math.max(0, at - 1)][4]));
  }

  /** Where UCT would go at `c` from how the tree stood when the round at this moment began, and where the search went. */
  walkAt(moment, c) {
    if (!this.searched) return;
    const round = roundAt(this.steps, moment.at);
    const opened = round.begin === this.last ? this.size : this.openedAt(round.begin);
    const stats = round.begin === moment.at ? moment.stats : replay(this.steps, round.begin, this.parents);
    // What was thrown out before this round is no choice; what will be in it still is.
    const childrenOf = (i) => this.choices(i, opened, (entry) => entry.closed < round.begin);
    moment.round = round;
    moment.path = stats.visits[0] || round.taken >= 0 ? walk(0, childrenOf, stats, c) : [];
    moment.taken = round.taken >= 0 ? this.pathTo(round.taken) : null;
    moment.before = stats;
  }

  /** The children that a search may go to, out of the first `opened` nodes. */
  choices(i, opened, settled) {
    return this.children[i].filter((child) => {
      const entry = this.entries[child];
      return child < opened && entry.walked && !(OUT.has(entry.status) && settled(entry));
    });
  }

  /** From the root to a node, both included. */
  pathTo(i) {
    const path = [];
    for (; i >= 0; i = this.parents[i]) path.unshift(i);
    return path;
  }

  /** Whether a node's status was known at a moment. */
  settled(i, moment) {
    return moment.live || moment.at > this.entries[i].closed;
  }

  /** A node and its siblings, where a search weighs them against each other. */
  rivals(i, moment) {
    if (i === 0 || !moment.visited) return [];
    const rivals = this.choices(this.parents[i], moment.opened, (entry) => moment.live || moment.at > entry.closed);
    return rivals.includes(i) ? rivals : [];
  }

  /** A node's value in the colours chosen: Q, or a score; undefined where it has none. */
  value(i, by, moment) {
    if (by !== Q) return this.entries[i].scores.get(by);
    const n = moment.stats.visits[i];
    return n ? moment.stats.totals[i] / n : undefined;
  }

  /** What can be coloured by: Q first, then scores, those that most nodes have first. */
  measures() {
    const counts = new Map();
    for (const { scores } of this.entries) for (const by of scores.keys()) counts.set(by, (counts.get(by) || 0) + 1);
    const scores = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
    return this.searched ? [Q, ...scores] : scores;
  }

  /** The ends of the colour scale: 0 and 1 where all values are within, else the least and the most. */
  range(by, moment) {
    if (!by) return [0, 1];
    let least = 0, most = 0, some = false;
    for (let i = 0; i < this.size; i++) {
      const value = this.value(i, by, moment);
      if (value === undefined) continue;
      least = some ? Math.min(least, value) : value;
      most = some ? Math.max(most, value) : value;
      some = true;
    }
    if (least >= 0 && most <= 1) return [0, 1];
    return [Math.min(least, least >= 0 ? 0 : least), least === most ? most + 1 : most];
  }
}

/** The name of the mean value in the list of measures; no score can be called so. */
const Q = "\u0000Q";
