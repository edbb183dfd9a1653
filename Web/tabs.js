// Three views, one at a time, with the keys of a tab list.

import { $ } from "./dom.js";

const NAMES = ["speak", "voices", "jobs"];

/** @param {object} onShow what to do when a view of that name is shown @returns `(name)` that shows a view */
export function makeTabs(onShow) {
  const tabs = NAMES.map((name) => $(`tab-${name}`));
  const show = (name) => {
    for (const other of NAMES) {
      const isShown = other === name;
      $(`tab-${other}`).setAttribute("aria-selected", isShown);
      $(`tab-${other}`).tabIndex = isShown ? 0 : -1;
      $(`${other}-view`).hidden = !isShown;
    }
    onShow[name]?.();
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(NAMES[index]));
    tab.addEventListener("keydown", (event) => {
      const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: NAMES.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      const at = (next + NAMES.length) % NAMES.length;
      tabs[at].focus();
      show(NAMES[at]);
    });
  }
  show("speak");
  return show;
}
