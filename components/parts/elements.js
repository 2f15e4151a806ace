// Elements, shapes and their text, for every component. Text from a model is only ever set as text.

function el(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function shape(tag, attributes = {}) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function button(className, text, onClick) {
  const node = el("button", className, text);
  node.type = "button";
  node.onclick = onClick;
  return node;
}

/** Writing what is there already would still cost a layout. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Native sliders and boxes come in a light and a dark form; the page's theme says which, not the system's. */
function followTheme(root) {
  const [red, green, blue] = getComputedStyle(root).color.match(/[\d.]+/g).map(Number);
  root.style.colorScheme = red + green + blue > 384 ? "dark" : "light";
}

const SIGNS = { " ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍" };

/** What stands for a character that cannot be seen: a sign, or its number. */
const signOf = (character) =>
  SIGNS[character] || `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
