// Numbers and token texts; elements and shapes are shared, see components/parts.

const INVISIBLE = /([\u0000-\u0020\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff])/;

/** A token on one line: what cannot be seen gets a mark, a combining first character gets something to stand on. */
function writeToken(node, text) {
  node.replaceChildren();
  node.classList.add("token-text");
  if (text === "") node.append(el("span", "mark", "no text"));
  if (/^\p{M}/u.test(text)) node.append(el("span", "mark", "◌"));
  for (const part of text.split(INVISIBLE)) {
    if (part === "") continue;
    if (!INVISIBLE.test(part)) node.append(part);
    else node.append(el("span", "mark", signOf(part)));
  }
}

const spoken = (text) => (text === "" ? "a token without text" : JSON.stringify(text));

const count = (n, noun = "") => n.toLocaleString("en") + (noun ? ` ${noun}${n === 1 ? "" : "s"}` : "");

const signed = (value, digits) => value.toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1").replace("-", "−");

/** A logit to one digit; −∞ for a token that cannot come. */
const logitText = (value) => (Number.isFinite(value) ? signed(value, 1) : value > 0 ? "∞" : "−∞");

/** A probability to three digits, or as a power of ten where three digits would say nothing. */
function probabilityText(p) {
  if (p === 0) return "0";
  if (p < 1 && p >= 0.9995) return ">0.999";
  if (p >= 0.0005) return p.toFixed(3);
  const [digits, exponent] = p.toExponential(1).split("e-");
  return `${digits}·10⁻${Array.from(exponent, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("")}`;
}

/** A share of something, in percent. */
function percent(share) {
  if (share > 0 && share < 0.0005) return "<0.1 %";
  if (share < 1 && share >= 0.9995) return ">99.9 %";
  return `${(100 * share).toFixed(1)} %`;
}
