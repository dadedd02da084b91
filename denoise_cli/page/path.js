
// The path along λ: a dial over its steps, a split view, and the command for the step that is chosen.
const path = stored("path");
const byId = name => document.getElementById(name);
const compare = new Compare();
const {width, height} = path;
let at = path.steps.findIndex(step => step.picked);
if (at < 0) at = Math.max(0, path.steps.findIndex(step => step.automatic));
let against = 0;

const range = h("input", {type: "range", min: 0, max: path.steps.length - 1, step: 1, value: at, "aria-label": "λ, from weak to strong", oninput: () => choose(Number(range.value))});
const now = h("p", {className: "now"});
const others = h("select", {onchange: () => { against = Number(others.value); choose(at); }}, ...path.others.map((other, index) => h("option", {value: index}, other.name)));
byId("dial").append(now, range, h("div", {className: "ends"}, h("span", {}, `λ ${digits(path.steps[0].weight)}, keeps more`), h("span", {}, `λ ${digits(path.steps[path.steps.length - 1].weight)}, smoother`)),
  h("div", {className: "tools"}, h("label", {}, "Compare with", others)));
byId("viewer").append(compare.element);

const COLUMNS = [["λ", step => digits(step.weight)], ["strength", step => digits(step.strength)], ["removed σ", step => digits(step.sigma_removed)], ["whiteness", step => step.whiteness.toFixed(2), "optional"],
  ["PSNR dB", step => step.psnr_db === null ? "" : step.psnr_db.toFixed(2)], ["SSIM", step => step.ssim === null ? "" : step.ssim.toFixed(3), "optional"], ["gap", step => digits(step.gap, 2), "optional"]]
  .filter(([, told]) => path.steps.some(told));
byId("table").tHead.append(h("tr", {}, ...COLUMNS.map(([name, , className]) => h("th", {scope: "col", className: className || ""}, name))));
const rows = path.steps.map((step, index) => h("tr", {},
  ...COLUMNS.map(([, told, className], column) => column ? h("td", {className: className || ""}, told(step))
    : h("th", {scope: "row", className: step.automatic ? "marked" : ""}, h("button", {type: "button", "aria-label": `Choose λ ${told(step)}${step.automatic ? ", the automatic one" : ""}`, onclick: () => choose(index)}, told(step))))));
byId("table").tBodies[0].append(...rows);

function choose(index) {
  at = index;
  const step = path.steps[at], other = path.others[against];
  range.value = at;
  const told = `λ ${digits(step.weight)} · strength ${digits(step.strength)}`;
  range.setAttribute("aria-valuetext", told.replace(" · ", ", ") + (step.automatic ? ", the automatic one" : ""));
  now.textContent = told + (step.automatic ? " ★ automatic" : "");
  rows.forEach((row, each) => each === at ? row.setAttribute("aria-current", "true") : row.removeAttribute("aria-current"));
  compare.show({left: other.picture ?? path.steps[other.step].picture, right: step.picture, leftName: other.name, rightName: `λ ${digits(step.weight)}`, width, height, about: path.name, caption: path.caption});
  byId("commands").replaceChildren(...step.commands.map(([about, text]) => command(about, text)));
}

byId("title").textContent = path.name;
byId("about").textContent = path.about;
choose(at);
document.documentElement.dataset.ready = "true";
