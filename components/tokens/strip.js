// The readable text of a row, or one text below the other: tokens shaded, underlined and framed.

class Strips {
  constructor(picture) {
    this.picture = picture;
    this.strips = new Map();
    this.el = el("div", "texts");
  }

  draw() {
    const { picture } = this;
    const wanted = picture.data.kind === "strip" ? picture.rows : [picture.current()].filter(Boolean);
    const slots = new Set(wanted.map((row) => this.slot(row)));
    for (const [slot, strip] of this.strips) {
      if (slots.has(slot)) continue;
      strip.el.remove();
      this.strips.delete(slot);
    }
    wanted.forEach((row, at) => {
      const slot = this.slot(row);
      let strip = this.strips.get(slot);
      if (!strip) this.strips.set(slot, (strip = newStrip()));
      if (this.el.children[at] !== strip.el) this.el.insertBefore(strip.el, this.el.children[at] || null);
      this.drawStrip(strip, row);
    });
  }

  /** Branches take turns in one place, so that focus and scrolling stay. */
  slot(row) {
    return this.picture.data.kind === "strip" ? row.id : "";
  }

  of(row) {
    const strip = this.strips.get(this.slot(row));
    return strip?.text.dataset.id === row.id ? strip : undefined;
  }

  redraw(row) {
    const strip = this.of(row);
    if (strip) this.drawStrip(strip, row);
  }

  drawStrip(strip, row) {
    const { raw } = row;
    this.drawTitle(strip, row);
    strip.text.setAttribute("aria-label", `Text of ${row.name}`);
    const sign = JSON.stringify([row.id, raw.x]);
    if (strip.sign !== sign) {
      Object.assign(strip, { sign, spans: [], drawn: [] });
      strip.text.replaceChildren();
      if (raw.x) drawWords(strip, raw.x);
    }
    strip.text.dataset.id = row.id;
    while (strip.spans.length > row.length) strip.spans.pop().remove();
    for (let i = 0; i < row.length; i++) this.drawToken(strip, row, i);
    strip.text.classList.toggle("empty", !row.length && !raw.x);
    this.drawGrips(strip, row);
    this.drawCursor(strip, row);
  }

  drawTitle(strip, row) {
    const { raw } = row;
    const branch = this.picture.data.kind === "branches";
    const facts = [branch ? row.name.replace(/^./, (letter) => letter.toUpperCase()) : raw.title];
    if (!facts[0] && this.picture.rows.length > 1) facts[0] = `Text ${raw.n}`;
    facts.push(leaves(row));
    if (raw.a !== undefined && branch) facts.push(`answer ${raw.a}`);
    if (row.moved) facts.push(`your frame covers “${row.covered}”`);
    if (row.delta !== undefined) facts.push(`Δ ${fixed(row.delta)} over the ${row.moved ? `frame moved by hand, ${fixed(row.foundDelta)} where it was found` : "answer"}`);
    if (raw.sd !== undefined) facts.push(`${fixed(raw.sd)} over the whole text`);
    if (row.length) facts.push(count(row.length, "token"));
    facts.push(shares(row), raw.w && "writing", ENDS[raw.end], out(row));
    setText(strip.facts, facts.filter(Boolean).join(" · "));
    strip.back.hidden = !row.moved;
    setLink(strip.link, this.picture.address(row), row.name);
    strip.title.hidden = !strip.facts.textContent && strip.link.hidden;
  }

  drawToken(strip, row, i) {
    const piece = row.piece(i);
    const mode = MODES[this.picture.mode];
    const shade = Math.max(0, Math.min(1, mode.shade(row, i) || 0));
    const bits = row.entropy(i) || 0;
    const look = ["t"];
    if (shade > 0) look.push("warm");
    if (shade > 0 && mode.tone) look.push("tone", mode.tone(row, i));
    if (row.has(i, NOT_ARGMAX)) look.push("dotted");
    if (row.has(i, FORCED)) look.push("ring");
    if (piece === "") look.push("sliver");
    if (bits >= 0.1) look.push("line");
    if (row.inAnswer(i)) look.push("in");
    if (row.inAnswer(i) && i === row.span[0]) look.push("start");
    if (row.inAnswer(i) && i === row.span[1] - 1) look.push("end");
    const sign = `${look.join(" ")}|${shade.toFixed(3)}|${bits}|${piece}`;
    if (strip.drawn[i] === sign) return;
    let span = strip.spans[i];
    if (!span) {
      span = strip.spans[i] = strip.text.appendChild(el("span"));
      span.dataset.i = i;
    }
    // "here" is the cursor's, which is drawn by itself.
    span.className = look.join(" ") + (strip.at === i ? " here" : "");
    span.style.setProperty("--v", shade.toFixed(3));
    span.style.setProperty("--h", Math.min(4, 1 + bits).toFixed(2));
    if (span.dataset.text !== piece) write(span, piece);
    span.dataset.text = piece;
    strip.drawn[i] = sign;
  }

  /** The ends of the frame, which can be dragged and are sliders for the keyboard. */
  drawGrips(strip, row) {
    const focused = this.picture.focused();
    for (const [end, grip] of Object.entries(strip.grips)) {
      const holder = grip.parentNode;
      if (!row.framed || !row.span[1]) {
        holder.remove();
        continue;
      }
      const i = end === "start" ? row.span[0] : row.span[1] - 1;
      const before = end === "start" ? strip.spans[i] : strip.spans[i].nextSibling;
      if (end === "start" && holder.nextSibling !== before) strip.text.insertBefore(holder, before);
      if (end === "end" && holder.previousSibling !== strip.spans[i]) strip.text.insertBefore(holder, before);
      grip.setAttribute("aria-valuemax", row.length);
      grip.setAttribute("aria-valuenow", i + 1);
      grip.setAttribute("aria-valuetext", `token ${i + 1}: ${spoken(row.label(i))}`);
    }
    if (focused?.isConnected && focused !== this.picture.focused()) focused.focus();
  }

  drawCursor(strip, row) {
    const { node, index, walked } = this.picture;
    const at = row.id === node && walked ? index : -1;
    if (strip.at !== undefined) strip.spans[strip.at]?.classList.remove("here");
    strip.spans[at]?.classList.add("here");
    strip.at = at;
  }

  select() {
    for (const row of this.picture.rows) {
      const strip = this.of(row);
      if (strip) this.drawCursor(strip, row);
    }
  }

  /** Which token of a row a point of the screen is over; undefined beside the text. */
  tokenAt(row, x, y) {
    const token = this.el.getRootNode().elementFromPoint(x, y)?.closest(".t");
    return token && this.of(row)?.text.contains(token) ? Number(token.dataset.i) : undefined;
  }

  anchor(row, i) {
    return this.of(row)?.spans[i]?.getClientRects()[0];
  }

  reveal(row, i, block = "nearest") {
    const strip = this.of(row);
    (strip?.spans[i] || strip?.el)?.scrollIntoView({ block });
  }

  focus(row) {
    this.of(row)?.text.focus();
  }
}

function newStrip() {
  const strip = { el: el("section", "strip"), spans: [], drawn: [], grips: {} };
  strip.title = strip.el.appendChild(el("div", "title"));
  strip.facts = strip.title.appendChild(el("span"));
  strip.back = strip.title.appendChild(el("button", "back", "Back to where it was found"));
  strip.back.type = "button";
  strip.link = strip.title.appendChild(link("Copy link"));
  strip.text = strip.el.appendChild(el("div", "text"));
  strip.text.tabIndex = 0;
  strip.text.setAttribute("role", "group");
  strip.text.setAttribute("aria-describedby", "help");
  for (const end of ["start", "end"]) {
    const grip = el("span", "holder").appendChild(el("b", `grip ${end}`));
    grip.tabIndex = 0;
    grip.dataset.end = end;
    grip.setAttribute("role", "slider");
    grip.setAttribute("aria-label", `${end === "start" ? "Start" : "End"} of the answer`);
    grip.setAttribute("aria-valuemin", 1);
    strip.grips[end] = grip;
  }
  return strip;
}

function drawWords(strip, [before, answer, after]) {
  for (const [text, className] of [[before, ""], [answer, "answer-span"], [after, ""]]) {
    if (text) write(strip.text.appendChild(el("span", className)), text);
  }
}
