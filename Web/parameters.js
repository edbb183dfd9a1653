// Every parameter of docs/protocol.md as a form: the few that all want in sight, the rest in groups that open.

import { $, make, say } from "./dom.js";

/** kind: range and integer send numbers, choice and flag what is chosen; `base` is the server's default. */
const GROUPS = [
  { into: "expression", fields: [
    { name: "exaggeration", label: "Liveliness", kind: "range", min: 0.25, max: 2, step: 0.05, base: 0.5,
      hint: "Calm on the left, theatrical on the right." },
    { name: "temperature", label: "Variety", kind: "range", min: 0.05, max: 5, step: 0.05, base: 0.8,
      hint: "How much chance there is in each take. Far right it falls apart." },
  ] },
  { title: "Delivery", fields: [
    { name: "cfg_weight", label: "Guidance", kind: "range", min: 0, max: 1, step: 0.05, base: 0.5,
      hint: "How closely speech keeps to the text; less is slower and freer." },
    { name: "top_p", label: "Nucleus (top p)", kind: "range", min: 0, max: 1, step: 0.01, base: 0.95,
      hint: "Share of likely sounds to draw from; 0 always takes the likeliest." },
    { name: "seed", label: "Seed", kind: "integer", min: 0, base: "",
      hint: "The same number gives the same samples again. Empty: another take each time." },
    { name: "normalize_text", label: "Read out numbers and dates", kind: "flag", base: true,
      hint: "Makes words of “3 May” or “$5” in English." },
  ] },
  { title: "Streaming", fields: [
    { name: "chunk_size", label: "First chunk", kind: "integer", min: 10, max: 100, base: 25,
      hint: "10 to 100 tokens; 25 are a second. Fewer start sooner." },
    { name: "chunk_growth", label: "Later chunks", kind: "choice", base: "",
      options: { "": "as the server decides", true: "may grow", false: "keep their size" },
      hint: "Growing spares work while there is sound in hand." },
    { name: "context_window", label: "Context", kind: "integer", min: 0, max: 200, base: 50,
      hint: "0 to 200 tokens before a chunk that the decoder hears again." },
    { name: "enable_fade_in", label: "Cross-fade joins", kind: "flag", base: true,
      hint: "Also fades in the very start." },
    { name: "fade_in_duration_ms", label: "Length of fades", kind: "integer", min: 0, max: 100, base: 20,
      hint: "0 to 100 milliseconds." },
  ] },
  { title: "Length", fields: [
    { name: "max_new_tokens", label: "At most", kind: "integer", min: 100, max: 10000, base: 4096,
      hint: "100 to 10000 tokens of 40 ms; speech is cut there." },
    { name: "min_new_tokens", label: "At least", kind: "integer", min: 0, max: 1000, base: 0,
      hint: "0 to 1000 tokens, no more than “at most”." },
  ] },
  { title: "Alignment monitor", fields: [
    { name: "enable_alignment_monitoring", label: "Watch for repeats and early ends", kind: "flag", base: true,
      hint: "Ends speech that runs on, prolongs speech that would end early." },
    { name: "alignment_window_size", label: "Window", kind: "integer", min: 10, max: 200, base: 50,
      hint: "10 to 200 frames of 40 ms that it looks back." },
    { name: "alignment_threshold", label: "Tolerance", kind: "range", min: 0, max: 1, step: 0.01, base: 0.15,
      hint: "Lower steps in sooner." },
  ] },
  { title: "Answers", fields: [
    { name: "include_timestamps", label: "Times of words", kind: "flag", base: false, chosen: true,
      hint: "Lights words as they are spoken." },
    { name: "include_metrics", label: "Figures of each chunk", kind: "flag", base: true,
      hint: "The server's times, shown above." },
    { name: "print_metrics", label: "Also in the server's log", kind: "flag", base: false, hint: "For whoever runs it." },
    { name: "output_format", label: "Transport", kind: "choice", base: "wav",
      options: { wav: "binary", base64: "base64 in JSON" }, hint: "The sound is the same." },
  ] },
];

const FIELDS = GROUPS.flatMap((group) => group.fields);
const first = (field) => String(field.chosen ?? field.base);

/** Fills the page's form. */
export function buildParameters() {
  for (const group of GROUPS) {
    if (group.into) {
      $(group.into).append(...group.fields.map(build));
    } else {
      $("more").append(make("details", { class: "group" }, make("summary", { text: group.title }),
        make("div", { class: "fields" }, ...group.fields.map(build))));
    }
  }
  $("reset").addEventListener("click", reset);
  reset();
}

function build(field) {
  const { name, label, kind } = field;
  const about = { id: name, name, "aria-describedby": `${name}-hint ${name}-error` };
  const title = make("label", { for: name, text: label });
  const notes = [
    make("p", { class: "hint", id: `${name}-hint`, text: field.hint }),
    make("p", { class: "note", id: `${name}-note`, hidden: true, text: "This model doesn’t use it." }),
    make("p", { class: "field-error", id: `${name}-error` }),
  ];
  if (kind === "flag") {
    const box = make("input", { type: "checkbox", ...about });
    return make("div", { class: "field flag" }, make("div", {}, box, title), ...notes);
  }
  if (kind === "choice") {
    const options = Object.entries(field.options).map(([value, text]) => make("option", { value, text }));
    return make("div", { class: "field" }, title, make("select", about, ...options), ...notes);
  }
  if (kind === "integer") {
    // Not type=number: it hides what it can't read, and a seed has more digits than it keeps.
    const input = make("input", { type: "text", inputmode: "numeric", autocomplete: "off", ...about,
      placeholder: field.base === "" ? "drawn" : null });
    return make("div", { class: "field" }, title, input, ...notes);
  }
  const { min, max, step } = field;
  const input = make("input", { type: "range", min, max, step, ...about });
  const shown = make("output", { for: name });
  input.addEventListener("input", () => { shown.textContent = Number(input.value).toFixed(2); });
  return make("div", { class: "field" }, make("div", { class: "label-row" }, title, shown), input, ...notes);
}

function reset() {
  for (const field of FIELDS) {
    const input = $(field.name);
    if (field.kind === "flag") input.checked = first(field) === "true";
    else input.value = first(field);
    input.dispatchEvent(new Event("input"));
  }
  clearErrors();
}

/** What differs from the server's defaults, as it goes into a request. Odd numbers go as they are: the server says why. */
export function readParameters() {
  const data = {};
  for (const field of FIELDS) {
    const input = $(field.name);
    const text = field.kind === "flag" ? String(input.checked) : input.value.trim();
    if (text === String(field.base)) continue;
    // A seed has more digits than a number keeps: `Connection` writes its digits.
    data[field.name] = ["output_format", "seed"].includes(field.name) ? text : value(text);
  }
  return data;
}

/** A number, true or false if it reads as one. */
function value(text) {
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Marks what the model can't honour. */
export function markIgnored(names) {
  for (const { name } of FIELDS) $(`${name}-note`).hidden = !names.includes(name);
}

export function clearErrors() {
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    const place = $(`${input.id}-error`);
    if (place) say(place, "");
  }
}

/** Says what is wrong beside the field of that name and goes there. @returns {boolean} whether there is such a field */
export function showError(name, message) {
  const input = $(name === "input" ? "text" : name);
  const place = input && $(`${input.id}-error`);
  if (!place) return false;
  input.setAttribute("aria-invalid", "true");
  say(place, message);
  reveal(input);
  return true;
}

/** Opens the groups around a field and goes there. */
export function reveal(input) {
  for (let group = input.closest("details"); group; group = group.parentElement.closest("details")) group.open = true;
  input.focus();
}
