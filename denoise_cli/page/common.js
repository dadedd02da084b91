
"use strict";
// Shared by all pages. Everything that comes from outside enters the document as text, by textContent or as a property.

/** An element: h("p", {className: "a"}, "text", other, …). What is null is left out. */
function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined) continue;
    if (key === "style") for (const [rule, text] of Object.entries(value)) element.style.setProperty(rule, text);
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-")) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

/** The data that stands in the page under this name. */
function stored(name) {
  const element = document.getElementById(name);
  return element ? JSON.parse(element.textContent) : null;
}

/** A number in three digits, as people write it. */
function digits(value, count = 3) {
  if (value === null || value === undefined) return "";
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(Math.max(1, count - 2));
  return String(Number(value.toPrecision(count)));
}

/** Both ends of a range, in three digits, or in more where these do not tell them, and their difference, well enough. */
function between(low, high) {
  const far = (value, count) => Math.abs(digits(value, count) - value) > 0.005 * Math.abs(high - low);
  let count = 3;
  while (low !== high && count < 17 && (far(low, count) || far(high, count))) count += 1;
  return [digits(low, count), digits(high, count)];
}

/** A text to copy, with a button that does it. */
function command(told, text, label) {
  const code = h("code", {}, text);
  const state = h("span", {className: "unseen", role: "status"});
  const button = h("button", {type: "button", "aria-label": `Copy: ${label || told}`, onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    state.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; state.textContent = ""; }, 1500);
  }}, "copy");
  return h("div", {className: "command"}, told ? h("p", {}, told) : null, h("div", {className: "row"}, code, button), state);
}

const ZOOMS = [1, 2, 3, 4, 6, 8];

/**
 * Two pictures of one size in one place, with a line between them that can be moved, and a zoom.
 *
 * The line moves with the pointer and with a slider (arrow keys, Home, End); the picture moves by its scroll bars, by dragging,
 * and with the arrow keys once it has the focus.
 */
class Compare {
  constructor() {
    this.split = 0.5;
    this.zoom = null;
    this.sources = ["", ""];
    this.left = h("img", {alt: "", draggable: false});
    this.right = h("img", {alt: "", draggable: false});
    this.layers = h("div", {className: "layers"}, this.right, this.left);
    this.scroller = h("div", {className: "scroller", tabIndex: 0, role: "group"}, this.layers);
    this.divider = h("div", {className: "divider"});
    this.leftName = h("span", {className: "side left"});
    this.rightName = h("span", {className: "side right"});
    this.frame = h("div", {className: "frame"}, this.scroller, this.divider, this.leftName, this.rightName);
    this.range = h("input", {type: "range", min: 0, max: 100, step: 1, value: 50, oninput: () => this.move(this.range.value / 100)});
    this.rangeName = h("span", {}, "Split");
    this.zooms = ZOOMS.map(zoom => h("button", {type: "button", "aria-pressed": "false", "aria-label": `Zoom ${zoom} times`,
      onclick: () => { this.zoom = zoom; this.layOut(); }}, `${zoom}×`));
    this.caption = h("figcaption", {});
    this.element = h("figure", {className: "compare"}, this.frame,
      h("div", {className: "tools"}, h("label", {}, this.rangeName, this.range),
        h("div", {className: "zooms", role: "group", "aria-label": "Zoom"}, ...this.zooms)),
      this.caption);
    this.scroller.addEventListener("scroll", () => this.clip());
    new ResizeObserver(() => this.layOut()).observe(this.frame);
    this.listen();
  }

  listen() {
    let dragged = null;
    this.divider.addEventListener("pointerdown", event => { this.divider.setPointerCapture(event.pointerId); event.preventDefault(); });
    this.divider.addEventListener("pointermove", event => {
      if (this.divider.hasPointerCapture(event.pointerId)) this.move(this.share(event));
    });
    this.scroller.addEventListener("pointerdown", event => {
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      dragged = {x: event.clientX, y: event.clientY, left: this.scroller.scrollLeft, top: this.scroller.scrollTop, moved: false};
    });
    this.scroller.addEventListener("pointermove", event => {
      if (!dragged) return;
      const right = event.clientX - dragged.x, down = event.clientY - dragged.y;
      if (!dragged.moved && Math.hypot(right, down) < 4) return;
      if (!dragged.moved) this.scroller.setPointerCapture(event.pointerId);
      dragged.moved = true;
      this.scroller.classList.add("dragged");
      this.scroller.scrollTo(dragged.left - right, dragged.top - down);
    });
    this.scroller.addEventListener("pointerup", event => {
      if (dragged && !dragged.moved) this.move(this.share(event));
      dragged = null;
      this.scroller.classList.remove("dragged");
    });
    this.scroller.addEventListener("pointercancel", () => { dragged = null; this.scroller.classList.remove("dragged"); });
  }

  share(event) {
    const box = this.scroller.getBoundingClientRect();
    return (event.clientX - box.left) / this.scroller.clientWidth;
  }

  /** Show two pictures of width × height pixels; names say what they are. */
  show({left, right, leftName, rightName, width, height, about, caption}) {
    const first = this.width !== width || this.height !== height;
    [this.width, this.height] = [width, height];
    this.left.src = left;
    this.right.src = right;
    this.left.alt = `${leftName}${about ? " of " + about : ""}`;
    this.right.alt = `${rightName}${about ? " of " + about : ""}`;
    [this.leftName.textContent, this.rightName.textContent] = [leftName, rightName];
    this.scroller.setAttribute("aria-label", `${leftName} and ${rightName}, side by side; scroll to move the picture`);
    this.caption.textContent = caption || "";
    if (first) this.layOut();
    this.move(this.split);
  }

  move(split) {
    this.split = Math.min(1, Math.max(0, split));
    this.range.value = Math.round(this.split * 100);
    this.range.setAttribute("aria-label", "How much of the width shows the left picture");
    this.range.setAttribute("aria-valuetext", `${this.range.value} % ${this.leftName.textContent}`);
    this.leftName.hidden = this.split < 0.08;
    this.rightName.hidden = this.split > 0.92;
    this.clip();
  }

  /** The largest zoom at which all of it can be seen, unless one was chosen. */
  layOut() {
    if (!this.width || !this.scroller.clientWidth) return;
    const fits = Math.min(this.frame.clientWidth / this.width, this.frame.clientHeight / this.height);
    const zoom = this.zoom || ZOOMS.filter(each => each <= fits).pop() || 1;
    this.zooms.forEach((button, at) => button.setAttribute("aria-pressed", String(ZOOMS[at] === zoom)));
    // The point of the picture that is in the middle of the frame stays there.
    const {scroller, layers} = this;
    const middle = [
      (scroller.scrollLeft + scroller.clientWidth / 2 - layers.offsetLeft) / (layers.clientWidth || 1),
      (scroller.scrollTop + scroller.clientHeight / 2 - layers.offsetTop) / (layers.clientHeight || 1),
    ].map(share => Math.min(1, Math.max(0, share)));
    this.layers.style.width = `${this.width * zoom}px`;
    this.layers.style.height = `${this.height * zoom}px`;
    scroller.scrollTo(middle[0] * this.width * zoom - scroller.clientWidth / 2, middle[1] * this.height * zoom - scroller.clientHeight / 2);
    this.clip();
  }

  /** The line stands still while the picture moves beneath it. */
  clip() {
    const line = this.split * this.scroller.clientWidth;
    const from = this.layers.offsetLeft - this.scroller.scrollLeft;
    const width = this.layers.clientWidth;
    const cut = width - Math.min(width, Math.max(0, line - from));
    this.left.style.clipPath = `inset(0 ${cut}px 0 0)`;
    this.divider.style.left = `${line}px`;
  }
}
