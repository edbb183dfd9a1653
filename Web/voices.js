// The view of voices: those of the model, and the server's library if it has one.

import { ApiError, address, call, isMissing, segment } from "./api.js";
import { ask } from "./ask.js";
import { $, bytes, make, refill, say } from "./dom.js";
import { withKey } from "./key.js";
import { languageName } from "./models.js";
import { Recorder } from "./recorder.js";

/** How long a note stays. */
const TOLD_MS = 8000;
export const SAMPLE_TEXT = "This is how I sound. Shall I read something to you?";

export class Voices {
  #models;
  #preview;
  #use;
  #recorder = new Recorder($("voice-recording"), "voice_file");
  #default = null;
  #audio = new Audio();
  #timer = null;

  /** @param preview `(voice, clickedAt)` speaks a sentence, or stops if it does @param use `(voice)` chooses it for speaking */
  constructor(models, preview, use) {
    this.#models = models;
    this.#preview = preview;
    this.#use = use;
    models.addEventListener("change", () => this.#showBuiltIn());
    $("voice-form").addEventListener("submit", (event) => { event.preventDefault(); this.#upload(); });
    $("reset-default").addEventListener("click", () => this.#do("The server’s own default speaks again.",
      () => call("DELETE", "voices/default")));
    const languages = ["en", "ar", "da", "de", "el", "es", "fi", "fr", "he", "hi", "it", "ja", "ko", "ms", "nl", "no", "pl",
      "pt", "ru", "sv", "sw", "tr", "zh"];
    $("voice_language").append(...languages.map((code) => make("option", { value: code, text: languageName(code) })));
  }

  async refresh() {
    try {
      const { voices } = await call("GET", "voices");
      this.#default = (await call("GET", "voices/default").catch(() => null))?.default_voice ?? null;
      this.#models.setLibrary(voices);
      this.#showLibrary(voices);
    } catch (error) {
      $("library-voices").replaceChildren();
      $("add-voice").hidden = $("default-row").hidden = true;
      say($("library-note"), isMissing(error)
        ? "This server keeps no library, so voices can’t be added here. To speak as a recording once, see “Speak”."
        : error.message);
    }
  }

  /** Silence. */
  stop() {
    this.#audio.pause();
  }

  /** @param {Take} take a preview @param {boolean} isPlaying its button then stops it */
  showPreview(take, isPlaying) {
    for (const button of document.querySelectorAll("[data-preview]")) {
      const text = isPlaying && take.asked === button.dataset.preview ? "Stop" : "Preview";
      say(button, text);
      button.setAttribute("aria-label", `${text} ${button.dataset.preview}`);
    }
    if (take.error) say($("voices-problem"), take.error);
  }

  #previewButton(name) {
    return make("button", { type: "button", text: "Preview", "data-preview": name, "aria-label": `Preview ${name}`,
      click: (event) => {
        say($("voices-problem"), "");
        this.#preview(name, event.timeStamp);
      } });
  }

  #showBuiltIn() {
    const model = this.#models.chosen;
    if (!model) return;
    say($("builtin-note"), model.voices.length > 0
      ? `These come with ${model.id}.` : `${model.id} tells its voices once it is loaded.`);
    refill($("builtin-voices"), model.voices.map((name) => make("li", { class: "tile" },
      make("span", { class: "voice-name", text: name }),
      make("div", { class: "row" },
        this.#previewButton(name),
        make("button", { type: "button", text: "Use", "aria-label": `Use ${name}`, click: () => this.#use(name) })))));
  }

  #showLibrary(voices) {
    $("add-voice").hidden = false;
    say($("library-note"), voices.length > 0
      ? "Recordings that this server keeps. Models that can clone speak in them." : "None yet: add one below.");
    $("default-row").hidden = voices.length === 0;
    $("reset-default").hidden = !this.#default;
    say($("default-voice"), this.#default
      ? `${this.#default} speaks when a request names no voice.` : "A request that names no voice gets the model’s own.");
    refill($("library-voices"), voices.map((voice) => this.#item(voice)));
  }

  #item(voice) {
    const { name, aliases = [] } = voice;
    const path = `voices/${segment(name)}`;
    const canSpeak = this.#models.chosen?.voice_cloning;
    const button = (text, click, more = {}) => make("button", { type: "button", text, "aria-label": `${text}: ${name}`,
      click, ...more });
    const about = [languageName(voice.language), voice.file_size ? bytes(voice.file_size) : null,
      voice.upload_date ? new Date(voice.upload_date).toLocaleDateString() : null].filter(Boolean).join(" · ");
    return make("li", { class: "item" },
      make("div", { class: "item-text" },
        make("p", {}, make("span", { class: "voice-name", text: name }),
          name === this.#default ? make("span", { class: "badge", text: "default" }) : null),
        make("p", { class: "meta", text: about }),
        make("ul", { class: "chips", "aria-label": `Other names of ${name}` }, ...aliases.map((alias) => make("li", {},
          alias, make("button", { type: "button", class: "plain", text: "×", "aria-label": `Remove the name ${alias}`,
            click: () => this.#do(`${alias} is gone.`, () => call("DELETE", `${path}/aliases/${segment(alias)}`)) }))))),
      make("div", { class: "row" },
        button("Listen", () => this.#listen(path)),
        canSpeak ? this.#previewButton(name) : null,
        canSpeak ? button("Use", () => this.#use(name)) : null,
        button("Rename", () => this.#rename(name, path)),
        button("Add a name", () => this.#addAlias(name, path)),
        name === this.#default ? null : button("Make default", () => this.#do(`${name} is the default.`,
          () => call("POST", "voices/default", { form: { voice_name: name } }))),
        button("Delete", () => this.#delete(name, path), { class: "danger" })));
  }

  #listen(path) {
    this.#audio.src = withKey(address(`${path}/download`));
    this.#audio.play().catch(() => say($("voices-problem"), "The browser can’t play this file."));
  }

  async #rename(name, path) {
    const title = `Rename ${name}`;
    const newName = await ask({ title, label: "New name", value: name, confirm: "Rename" });
    if (newName === null || newName === name) return;
    this.#do(`${name} is now ${newName}.`, () => call("PUT", path, { form: { new_name: newName } }));
  }

  async #addAlias(name, path) {
    const text = "Requests may use it in place of the first one.";
    const alias = await ask({ title: `Another name for ${name}`, text, label: "Name", confirm: "Add" });
    if (alias === null) return;
    this.#do(`${name} is also ${alias}.`, () => call("POST", `${path}/aliases`, { form: { alias } }));
  }

  async #delete(name, path) {
    const text = "Its recording is removed from the server.";
    if (await ask({ title: `Delete ${name}?`, text, confirm: "Delete" }) === null) return;
    this.#do(`${name} is deleted.`, () => call("DELETE", path));
  }

  async #upload() {
    const fields = { voice_name: $("voice_name"), language: $("voice_language"), voice_file: $("voice_file") };
    const show = (name, message) => {
      const field = fields[name];
      if (!field) return false;
      say($(`${field.id}-error`), message);
      if (message) {
        field.setAttribute("aria-invalid", "true");
        field.focus();
      } else {
        field.removeAttribute("aria-invalid");
      }
      return true;
    };
    for (const name of Object.keys(fields)) show(name, "");
    const name = $("voice_name").value.trim();
    const file = this.#recorder.file;
    if (!name) return show("voice_name", "It needs a name.");
    if (!file) return show("voice_file", "Choose a file, or record one.");
    say($("voices-problem"), "");
    $("upload").disabled = true;
    try {
      const form = { voice_name: name, language: $("voice_language").value, voice_file: file };
      await call("POST", "voices", { form });
      $("voice-form").reset();
      this.#recorder.clear();
      await this.refresh();
      this.#tell(`${name} is added.`);
    } catch (error) {
      // A name that is taken is told by its status alone.
      const named = error instanceof ApiError ? Object.entries(error.fields).filter(([field]) => fields[field]) : [];
      if (named.length === 0 && error.status === 409) named.push(["voice_name", error.message]);
      for (const [field, message] of named) show(field, message);
      if (named.length === 0) say($("voices-problem"), error.message);
    } finally {
      $("upload").disabled = false;
    }
  }

  #tell(text) {
    say($("voices-status"), text);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => say($("voices-status"), ""), TOLD_MS);
  }

  async #do(done, work) {
    say($("voices-problem"), "");
    let isDone = false;
    try {
      await work();
      isDone = true;
    } catch (error) {
      say($("voices-problem"), error.message);
    }
    await this.refresh();
    if (isDone) this.#tell(done);
  }
}
