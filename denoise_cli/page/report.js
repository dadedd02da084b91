
// The report on a run: a table that can be sorted, and the chosen picture before and after.
const run = stored("run");
const narrow = matchMedia("(max-width: 999px)");
const byId = name => document.getElementById(name);
const COLUMNS = [
  {key: "picture", name: ""},
  {key: "file", name: "File", sort: row => row.input},
  {key: "noise", name: "Noise found", sort: row => row.sigma ?? row.impulses},
  {key: "method", name: "Method", sort: row => row.method},
  {key: "weight", name: "λ", sort: row => row.weight, number: true},
  {key: "seconds", name: "Seconds", sort: row => row.seconds || null, number: true},
  {key: "gap", name: "Gap", sort: row => row.gap, number: true},
  {key: "wrong", name: "What went wrong", sort: row => row.remark ? (row.error ? "0" : "1") + row.remark : null},
];
const NAMES = {gaussian: "Gaussian", poisson: "growing", impulses: "impulses", none: "hardly any"};
const BLANK = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

function noise(row) {
  if (!row.noise) return "";
  const parts = [NAMES[row.noise] || row.noise];
  if (row.sigma !== null) parts.push(`σ ${digits(row.sigma, 2)}`);
  if (row.noise === "impulses" && row.impulses) parts.push(`${digits(100 * row.impulses, 2)} %`);
  return parts.join(", ");
}

/** λ, or that of each channel where each has its own. */
function weight(row) {
  return row.weights.length ? row.weights.map(each => digits(each)).join(", ") : digits(row.weight);
}

const items = run.rows.map((row, index) => {
  const cell = (key, ...content) => h("td", {className: key + (COLUMNS.find(column => column.key === key).number ? " number" : ""), role: "cell"}, ...content);
  const button = h("button", {type: "button", title: row.input, "aria-label": `Show ${row.input}`}, row.name);
  const element = h("tr", {role: "row"},
    cell("picture", h("img", {src: row.thumbnail || BLANK, alt: "", width: 44, height: 44, loading: "lazy", decoding: "async"})),
    cell("file", button), cell("noise", noise(row)), cell("method", row.method === "auto" ? "" : row.method), cell("weight", weight(row)),
    cell("seconds", row.seconds >= 0.005 ? row.seconds.toFixed(2) : ""), cell("gap", digits(row.gap, 2)), cell("wrong", row.remark));
  element.dataset.status = row.group;
  element.addEventListener("click", () => choose(item));
  button.addEventListener("keydown", event => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (step) { event.preventDefault(); walk(step, item); }
  });
  const item = {row, element, button, index};
  return item;
});

// ── the table ──
const body = document.querySelector("#table tbody");
let order = {key: null, down: false};
let visible = items;

function sortBy(key) {
  const column = COLUMNS.find(each => each.key === key);
  order = {key, down: order.key === key && !order.down};
  const sign = order.down ? -1 : 1;
  const keyed = items.map(item => [column.sort(item.row), item]);
  keyed.sort(([one, a], [other, b]) => {
    const none = (one === null || one === undefined) - (other === null || other === undefined);
    if (none) return none;
    const compared = typeof one === "string" ? one.localeCompare(other, "en", {numeric: true}) : (one ?? 0) - (other ?? 0);
    return sign * compared || a.index - b.index;
  });
  items.splice(0, items.length, ...keyed.map(([, item]) => item));
  body.append(...items.map(item => item.element));
  for (const head of document.querySelectorAll("#table thead th")) {
    if (head.dataset.key === key) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  byId("sort").value = key;
  filter();
}

function filter() {
  const words = byId("find").value.toLowerCase(), group = byId("show").value;
  visible = items.filter(({row}) => (!group || row.group === group) && row.input.toLowerCase().includes(words));
  const kept = new Set(visible);
  for (const item of items) item.element.hidden = !kept.has(item);
  byId("count").textContent = visible.length === items.length ? `${items.length} pictures` : `${visible.length} of ${items.length} pictures`;
}

document.querySelector("#table thead").append(h("tr", {role: "row"}, ...COLUMNS.map(({key, name, sort, number}) => {
  const head = h("th", {role: "columnheader", scope: "col", className: number ? "number" : ""},
    sort ? h("button", {type: "button", onclick: () => sortBy(key)}, name) : h("span", {className: "unseen"}, "Picture"));
  head.dataset.key = key;
  return head;
})));
byId("sort").append(h("option", {value: ""}, "the run"), ...COLUMNS.filter(column => column.sort).map(({key, name}) => h("option", {value: key}, name)));
byId("sort").addEventListener("change", event => event.target.value && sortBy(event.target.value));
byId("find").addEventListener("input", filter);
byId("show").addEventListener("change", filter);

// ── the viewer ──
const viewer = byId("viewer");
const compare = new Compare();
const shown = {
  name: h("h2", {}), facts: h("dl", {className: "facts"}), commands: h("div", {}), none: h("p", {className: "none"}),
  whole: h("div", {className: "whole"}, h("img", {alt: "The whole picture; a frame shows the part above"}), h("i", {})),
};
const close = h("button", {type: "button", className: "close", onclick: () => leave()}, "close");
viewer.append(
  h("div", {className: "bar"}, shown.name, h("div", {},
    h("button", {type: "button", "aria-label": "Previous picture", onclick: () => walk(-1)}, "◀"),
    h("button", {type: "button", "aria-label": "Next picture", onclick: () => walk(1)}, "▶"), close)),
  compare.element, shown.none, shown.facts, shown.whole, shown.commands);
let chosen = null;

function walk(step, from = chosen) {
  const next = visible[Math.min(visible.length - 1, Math.max(0, visible.indexOf(from) + step))];
  if (!next) return;
  const open = narrow.matches && document.body.classList.contains("viewing");
  if (!narrow.matches || open) display(next);
  if (!open) { next.button.focus({preventScroll: true}); next.element.scrollIntoView({block: "nearest"}); }
}

function choose(item) {
  display(item);
  if (!narrow.matches) return;
  document.body.classList.add("viewing");
  document.querySelector(".list").inert = true;
  viewer.focus();
}

function leave() {
  document.body.classList.remove("viewing");
  document.querySelector(".list").inert = false;
  if (chosen) chosen.button.focus();
}
document.addEventListener("keydown", event => { if (event.key === "Escape" && document.body.classList.contains("viewing")) leave(); });
narrow.addEventListener("change", () => { if (!narrow.matches) { document.body.classList.remove("viewing"); document.querySelector(".list").inert = false; } });

function display(item) {
  if (chosen) chosen.element.removeAttribute("aria-current");
  chosen = item;
  item.element.setAttribute("aria-current", "true");
  const {row} = item;
  const crops = row.crops === null ? null : stored(`crops-${row.crops}`);
  shown.name.textContent = row.name;
  compare.element.hidden = !crops;
  shown.whole.hidden = !crops;
  shown.none.hidden = Boolean(crops);
  shown.none.textContent = row.error || (run.crops ? "There is nothing to show of this picture." : "This report was made without crops (--report-crops 0).");
  if (crops) {
    const [x, y, width, height] = crops.box;
    const said = [`${width} × ${height} pixels at ${x}, ${y} of ${crops.size[0]} × ${crops.size[1]}`];
    if (crops.page) said.push(crops.page);
    if (crops.window) {
      const [black, white] = between(...crops.window);
      said.push(`${black} is shown black, ${white} white`);
    }
    if (crops.error) said.push(`stored as JPEG, within ${digits(crops.error, 2)} of 255 levels`);
    compare.show({left: crops.before, right: crops.after, leftName: "input", rightName: "result", width, height, about: row.name, caption: said.join("; ")});
    const [picture, frame] = shown.whole.children;
    picture.src = row.thumbnail;
    for (const [rule, value] of [["left", x / crops.size[0]], ["top", y / crops.size[1]], ["width", width / crops.size[0]], ["height", height / crops.size[1]]]) {
      frame.style[rule] = `${100 * value}%`;
    }
  }
  const facts = [
    ["input", row.input], ["result", row.output], ["outcome", row.error || row.remark || row.status], ["what was found", row.assumed],
    ["method", [row.method === "auto" ? "" : row.method, row.fidelity ? row.fidelity.toUpperCase() : ""].filter(Boolean).join(", ")], ["λ", weight(row)],
    ["how it ended", row.ended], ["PSNR", row.psnr_db === null ? "" : `${row.psnr_db.toFixed(2)} dB`],
    ["size", row.shape.length ? `${row.shape.join(" × ")}, ${row.depth}` : ""],
    ["seconds", row.seconds >= 0.005 ? row.seconds.toFixed(2) : ""], ["notes", row.status === "skipped" ? "" : row.notes.join("; ")],
  ];
  shown.facts.replaceChildren(...facts.filter(([, text]) => text).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {className: name === "outcome" && row.error ? "bad" : ""}, text)]));
  shown.commands.replaceChildren(...(row.commands || []).map(([told, text]) => command(told, text)));
}

// ── the whole run ──
byId("title").textContent = run.title;
byId("about").textContent = run.about.join(" · ");
if (run.interrupted) document.querySelector(".page-head").append(h("p", {className: "warning"}, run.interrupted));
body.append(...items.map(item => item.element));
filter();
byId("foot").append(h("h2", {}, "Settings to copy"), command("This run", run.command), command("A settings file for --config", run.settings),
  run.passed_over.length ? h("details", {}, h("summary", {}, run.passed_over_summary), h("ul", {}, ...run.passed_over.map(text => h("li", {}, text)))) : null);
if (items.length) display(items.find(({row}) => row.crops !== null) || items[0]);
document.documentElement.dataset.ready = "true";
