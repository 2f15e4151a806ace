// The keyboard in the tree: arrows walk, Enter makes a node the root or unfolds, Escape goes back.

class Keys {
  constructor(tree) {
    this.tree = tree;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { tree } = this;
    const box = event.composedPath()[0].closest?.(".boxes .box");
    if (event.key === "Escape") {
      if (tree.top !== 0 && (box || event.composedPath()[0].closest?.(".crumb, .panel"))) {
        event.preventDefault();
        event.stopPropagation();
        tree.reroot(tree.model.parents[tree.top], true);
      }
      return;
    }
    const item = box && tree.item(box.dataset.key);
    if (!item) return;
    const to = this.goal(event.key, item);
    if (to === undefined) return;
    event.preventDefault();
    if (to) tree.lookAt(keyOf(to), true);
  }

  /** Where a key leads: an item, null for nowhere, undefined for a key that means nothing here. */
  goal(key, item) {
    const { tree } = this;
    switch (key) {
      case "ArrowRight": return item.kids[0] || null;
      case "ArrowLeft": return item.parent;
      case "ArrowDown": return this.beside(item, 1);
      case "ArrowUp": return this.beside(item, -1);
      case "Home": return tree.layout.items[0];
      case "End": return tree.layout.items.at(-1);
      case " ": return item;
      case "Enter":
        if (item.more) tree.unfold(item.i, true, item.hidden[0]);
        else tree.reroot(item.i, true);
        return null;
      default: return undefined;
    }
  }

  /** The next sibling; after the last one, the next node as deep. */
  beside(item, by) {
    const level = this.tree.layout.items.filter(({ depth }) => depth === item.depth);
    return level[level.indexOf(item) + by] || null;
  }
}
