// One question at a time, in a dialog.

import { $ } from "./dom.js";

/**
 * @param {{title: string, text: string=, label: string=, value: string=, confirm: string}} question with a `label` it
 *   asks for a line of text
 * @returns {Promise<string|null>} the line (empty without a label), or null if the user thought better of it
 */
export function ask({ title, text = "", label, value = "", confirm }) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-text").hidden = text === "";
  $("ask-field").hidden = !label;
  $("ask-label").textContent = label ?? "";
  $("ask-value").value = value;
  $("ask-confirm").textContent = confirm;
  $("ask-cancel").onclick = () => dialog.close("");
  dialog.returnValue = "";
  dialog.showModal();
  (label ? $("ask-value") : $("ask-cancel")).focus();
  return new Promise((resolve) => {
    const onClose = () => {
      // The event of the question before may come when this one is open already.
      if (dialog.open) return;
      dialog.removeEventListener("close", onClose);
      const answer = label ? $("ask-value").value.trim() : "";
      resolve(dialog.returnValue === "confirm" && (!label || answer !== "") ? answer : null);
    };
    dialog.addEventListener("close", onClose);
  });
}
