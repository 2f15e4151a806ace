// Which nodes are shown, and where: a tidy tree from left to right, a line each for leaves, parents amid their children.
// Pure functions on the model: no page, no screen.

const SMALL = 0.01; // of the visits of the node at the left; less is folded away
const FEW = 100; // visits, below which 1 % is less than one
const LINES = 42; // of leaves, beyond which what was never visited is folded away, then wide lists of siblings
const WIDTHS = [Infinity, 40, 24, 16, 12, 8, 5, 3]; // of such a list, tried in this order

/**
 * `top` is the node at the left; `keep` has nodes that are never folded away; `unfolded` has nodes all of whose children
 * are shown, `asides` those whose verdicts and votes are. Returns { items, lines }: items are { i, depth, y, parent,
 * kids, aside } for nodes, in reading order, or { more: true, i, hidden, size, small, … } for what is folded under i.
 */
function arrange({ model, moment, top, keep, unfolded, asides, folding }) {
  const sizes = new Int32Array(model.size);
  for (let i = moment.opened - 1; i >= 0; i--) {
    sizes[i] += 1;
    if (model.parents[i] >= 0) sizes[model.parents[i]] += sizes[i];
  }
  const { visits } = moment.stats;
  const small = moment.visited && visits[top] >= FEW ? visits[top] * SMALL : 0;
  const kidsOf = (i) => {
    const kids = model.children[i].filter((child) => child < moment.opened);
    const beside = kids.filter((child) => model.entries[child].aside);
    const hideAsides = !asides.has(i) && beside.length > 0;
    return [hideAsides ? kids.filter((child) => !model.entries[child].aside || keep.has(child)) : kids, beside.length];
  };

  const place = (width, least) => {
    const items = [];
    let lines = 0;
    const split = (i, kids) => {
      if (!folding || unfolded.has(i)) return [kids, [], false];
      const large = kids.filter((child) => keep.has(child) || visits[child] >= least);
      let shown = large;
      if (large.length > width) {
        const most = [...large].sort((a, b) => keep.has(b) - keep.has(a) || visits[b] - visits[a]);
        const first = new Set(most.slice(0, width));
        shown = large.filter((child) => first.has(child) || keep.has(child));
      }
      const hidden = shown.length < kids.length ? kids.filter((child) => !shown.includes(child)) : [];
      // One leaf takes no less room folded.
      if (hidden.length === 1 && sizes[hidden[0]] === 1) return [kids, [], false];
      return [shown, hidden, large.length < kids.length];
    };
    const put = (i, depth, parent) => {
      const [kids, aside] = kidsOf(i);
      const item = { i, depth, parent, aside, kids: [], y: 0 };
      items.push(item);
      const [shown, hidden, small] = split(i, kids);
      for (const child of shown) item.kids.push(put(child, depth + 1, item));
      if (hidden.length) {
        const size = hidden.reduce((sum, child) => sum + sizes[child], 0);
        const more = { more: true, i, depth: depth + 1, parent: item, hidden, size, small, kids: [], y: lines++ };
        items.push(more);
        item.kids.push(more);
      }
      item.y = item.kids.length ? (item.kids[0].y + item.kids.at(-1).y) / 2 : lines++;
      return item;
    };
    put(top, 0, null);
    return { items, lines };
  };

  let result = place(Infinity, small);
  const least = moment.visited ? Math.max(1, small) : 0;
  for (const width of WIDTHS) if (folding && result.lines > LINES) result = place(width, least);
  return result;
}
