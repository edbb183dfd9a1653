// The key for servers that want one. It is in memory, and in the tab's session storage only if the user wants that.

import { $ } from "./dom.js";

const NAME = "chatterbox-key";
let key = sessionStorage.getItem(NAME) ?? "";
let question = null;
/** Who would rather not is asked again when the page is loaded again. */
let isDeclined = false;

/** Tells `change` when there is another key. */
export const keyring = new EventTarget();

/** Headers of a request. */
export const keyHeaders = () => (key ? { Authorization: `Bearer ${key}` } : {});

/** Subprotocols of a WebSocket, which can't have headers. */
export const keyProtocols = () => (key ? ["chatterbox.v1", `chatterbox.key.${key}`] : []);

/** An address for links and media, which can't have headers either. */
export function withKey(url) {
  const own = new URL(url);
  if (key) own.searchParams.set("api_key", key);
  return own;
}

/**
 * Asks for a key, once however many requests want one.
 * @param {string} reason what the server says @param {string} used the key that it said that of
 * @returns {Promise<boolean>} whether there is another one now
 */
export function askForKey(reason, used) {
  if (used !== key) return Promise.resolve(true);
  if (isDeclined) return Promise.resolve(false);
  question ??= show(reason).finally(() => { question = null; });
  return question;
}

/** The key as it is now. */
export const currentKey = () => key;

function show(reason) {
  const dialog = $("key-dialog");
  $("key-reason").textContent = reason;
  $("key-value").value = "";
  $("key-cancel").onclick = () => dialog.close("");
  dialog.returnValue = "";
  dialog.showModal();
  $("key-value").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = $("key-value").value.trim();
      $("key-value").value = "";
      isDeclined = dialog.returnValue !== "confirm" || given === "";
      if (isDeclined) return resolve(false);
      key = given;
      if ($("key-keep").checked) sessionStorage.setItem(NAME, key);
      else sessionStorage.removeItem(NAME);
      resolve(true);
      keyring.dispatchEvent(new Event("change"));
    }, { once: true });
  });
}
