// The arithmetic of tree search on plain lists. Pure functions: no page, no screen. Nodes are places in a list in
// which every parent stands before its children; `parents[0]` is -1.

/**
 * Visits and sums of values of every node after the first `upto` steps: a "back up" adds its value to its node and to
 * all above, and each of them counts a visit more. A step is [node, round, phase, value, opened].
 */
function replay(steps, upto, parents) {
  const visits = new Int32Array(parents.length), totals = new Float64Array(parents.length);
  for (let s = 0; s < upto; s++) {
    const [node, , phase, value] = steps[s];
    if (phase !== BACK_UP || value === null) continue;
    for (let i = node; i >= 0; i = parents[i]) {
      visits[i] += 1;
      totals[i] += value;
    }
  }
  return { visits, totals };
}

const SELECT = 0, EXPAND = 1, SIMULATE = 2, BACK_UP = 3;

/** UCT of a node visited n times with that sum of values, under a parent visited `above` times. */
function uct(n, total, above, c) {
  if (n === 0) return { exploit: 0, explore: Infinity, sum: Infinity };
  const exploit = total / n, explore = c * Math.sqrt(Math.log(Math.max(above, 1)) / n);
  return { exploit, explore, sum: exploit + explore };
}

/** The child that UCT takes: the first unvisited one, else the first with the largest sum; -1 without children. */
function choose(children, { visits, totals }, above, c) {
  let best = -1, most = -Infinity;
  for (const i of children) {
    const { sum } = uct(visits[i], totals[i], above, c);
    if (sum > most) [best, most] = [i, sum];
  }
  return best;
}

/** The nodes UCT goes through from `top` down; `childrenOf` gives those that a search may go to. */
function walk(top, childrenOf, stats, c) {
  const path = [];
  for (let i = top; i >= 0; i = choose(childrenOf(i), stats, stats.visits[i], c)) path.push(i);
  return path;
}

/**
 * The round that goes on after the first `at` steps: { begin, number, taken }. It begins after `begin` steps, `taken` is
 * the node that its walk ended at; both -1 where no round goes on there (yet).
 */
function roundAt(steps, at) {
  const open = at > 0 && (at === steps.length ? steps[at - 1][2] !== BACK_UP : steps[at][1] === steps[at - 1][1]);
  let begin = open ? at - 1 : at;
  const number = begin < steps.length ? steps[begin][1] : -1;
  while (begin > 0 && steps[begin - 1][1] === number) begin--;
  for (let s = begin; s < steps.length && steps[s][1] === number; s++) {
    if (steps[s][2] === SELECT) return { begin, number, taken: steps[s][0] };
  }
  return { begin, number, taken: -1 };
}
