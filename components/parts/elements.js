// Elements and their text, for every component. Text from a model is only ever set as text.

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** Writing what is there already would still cost a layout. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const SIGNS = { " ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍" };

/** What stands for a character that cannot be seen: a sign, or its number. */
const signOf = (character) =>
  SIGNS[character] || `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
