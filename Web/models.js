// Which model, voice and language: the selects, filled from the server's own list.

import { $, make, say } from "./dom.js";
import { call } from "./api.js";
import { markIgnored } from "./parameters.js";

const LANGUAGES = new Intl.DisplayNames(["en"], { type: "language" });
const WAIT_MS = 1000;
/** In the list of voices, the recording of "Speak as a recording". */
export const RECORDING = "\u0000recording";

export const languageName = (code) => { try { return LANGUAGES.of(code); } catch { return code; } };

/** Events: `change` when models or what is chosen change. */
export class Models extends EventTarget {
  #status = null;
  #library = [];
  #timer = null;

  constructor() {
    super();
    $("model").addEventListener("change", () => this.#fill());
    $("voice").addEventListener("change", () => this.dispatchEvent(new Event("change")));
  }

  /** The chosen model as /models tells it, or null before anything is known. */
  get chosen() { return this.#status?.models.find((model) => model.id === $("model").value) ?? null; }

  get sampleRate() { return this.#status?.sample_rate ?? 24000; }

  /** Asks the server again, until it has loaded what it is loading. */
  async refresh() {
    clearTimeout(this.#timer);
    try {
      this.#status = await call("GET", "ws/stream/status");
    } catch (error) {
      // Either it is starting, or gone; the connection's state tells which.
      if (error.status === 503) say($("status"), "The model is loading…");
      this.#timer = setTimeout(() => this.refresh(), WAIT_MS);
      return;
    }
    if (this.#status.models.some((model) => model.state === "loading")) {
      this.#timer = setTimeout(() => this.refresh(), WAIT_MS);
    }
    const chosen = $("model").value;
    fill($("model"), this.#status.models.map((model) => make("option", { value: model.id, text: title(model) })));
    const base = this.#status.models.find((model) => model.is_default) ?? this.#status.models[0];
    $("model").value = this.#status.models.some((model) => model.id === chosen) ? chosen : base.id;
    this.#fill();
  }

  /** @param {{name: string}[]} voices of the library */
  setLibrary(voices) {
    this.#library = voices;
    if (this.#status) this.#fill();
  }

  /** What a request says of them: only what isn't the server's own choice. */
  read() {
    const data = {};
    const model = this.chosen;
    if (model && !model.is_default) data.model = model.id;
    const voice = $("voice").value;
    if (voice && voice !== RECORDING) data.voice = voice;
    if ($("language").value && $("language").value !== "en") data.language = $("language").value;
    return data;
  }

  #fill() {
    const model = this.chosen;
    if (!model) return;
    const voice = $("voice").value;
    const own = model.voices.map((name) => make("option", { value: name, text: name }));
    if (own.length === 0) own.push(make("option", { value: "", text: "the model’s own" }));
    const groups = [make("optgroup", { label: "Of the model" }, ...own)];
    if (this.#library.length > 0) {
      const theirs = this.#library.map(({ name }) => make("option", { value: name, text: name }));
      const label = model.voice_cloning ? "Your voices" : "Your voices (not with this model)";
      groups.push(make("optgroup", { label, disabled: !model.voice_cloning }, ...theirs));
    }
    if (model.voice_cloning) groups.push(make("option", { value: RECORDING, text: "a recording (below)" }));
    fill($("voice"), groups);
    const allowed = [...$("voice").options].filter((option) => !option.parentElement.disabled).map(({ value }) => value);
    const base = model.is_default ? this.#status.default_voice : allowed[0];
    $("voice").value = allowed.includes(voice) ? voice : base;

    const language = $("language").value;
    fill($("language"), model.languages.map((code) => make("option", { value: code, text: languageName(code) })));
    $("language").value = [language, "en", model.languages[0]].find((code) => model.languages.includes(code));
    $("language").disabled = model.languages.length < 2;

    $("model-note").hidden = model.state !== "unloaded" && !model.error;
    say($("model-note"), model.error || "It is loaded when you speak, which takes a while.");
    markIgnored(model.is_default ? this.#status.ignored_parameters : []);
    $("recording-controls").hidden = !model.voice_cloning;
    $("recording-note").textContent = model.voice_cloning
      ? "Three to sixty seconds of one person; it goes to this server with your text and isn’t kept as a voice."
      : "This model can’t take on a voice from a recording.";
    this.dispatchEvent(new Event("change"));
  }
}

const title = (model) => `${model.id}${model.state === "loaded" ? "" : ` (${model.state})`}`;

/** Replaces options only if they differ: a list that is open stays as it is. */
function fill(select, children) {
  const wanted = make("select", {}, ...children);
  if (select.innerHTML !== wanted.innerHTML) select.replaceChildren(...wanted.childNodes);
}
