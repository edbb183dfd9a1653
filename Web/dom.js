// Small helpers for making and finding elements.

/** The element of this id. */
export const $ = (id) => document.getElementById(id);

/**
 * Makes an element. Attributes that are functions are listeners, `true` is an attribute without a value, `false`, null
 * and undefined are left out, `text` is its text.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Sets text only if it changes, so that screen readers say it once. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replaces what is in a place; the focus goes to the button of the same name, or else to the first. */
export function refill(place, children) {
  const active = document.activeElement;
  const name = place.contains(active) ? active.getAttribute("aria-label") : null;
  place.replaceChildren(...children);
  if (name === null) return;
  const buttons = [...place.querySelectorAll("button, a")];
  (buttons.find((button) => button.getAttribute("aria-label") === name) ?? buttons[0])?.focus();
}

/** "4.2 s", "1:05" from a minute on. */
export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** "812 KB", "3.4 MB". */
export function bytes(count) {
  return count < 1e6 ? `${Math.max(1, Math.round(count / 1000))} KB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** Lets the browser save bytes under a name. */
export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
