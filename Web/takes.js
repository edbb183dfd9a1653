// The list of what was heard in this visit.

import { $, duration, make, save } from "./dom.js";
import { reveal } from "./parameters.js";

export class Takes {
  #speaking;
  #items = new Map();

  constructor(speaking) {
    this.#speaking = speaking;
  }

  /** Adds a take when it is over and has something to hear, and keeps its line up to date. */
  show(take) {
    if (take.isPreview || take.samples === 0 || ["waiting", "speaking"].includes(take.state)) return;
    let item = this.#items.get(take);
    if (!item) {
      item = this.#make(take);
      this.#items.set(take, item);
      $("takes").prepend(item);
      $("no-takes").hidden = true;
    }
    const parts = [take.voice, duration(take.seconds)];
    if (take.firstSound !== null) parts.push(`first sound ${Math.round(take.firstSound)} ms`);
    if (take.state === "stopped") parts.push("stopped");
    if (take.state === "failed") parts.push("cut off");
    item.querySelector(".meta").textContent = parts.join(" · ");
    item.querySelector(".seed").hidden = !take.seed;
  }

  #make(take) {
    const about = `take ${take.number}`;
    const play = (event) => this.#speaking.replay(take, event.timeStamp);
    const useSeed = () => {
      $("seed").value = take.seed;
      $("text").value = take.text;
      $("text").dispatchEvent(new Event("input"));
      // It stays until it is emptied, so it had better be seen.
      reveal($("seed"));
    };
    return make("li", { class: "item" },
      make("div", { class: "item-text" }, make("p", { class: "said", text: take.text }), make("p", { class: "meta" })),
      make("div", { class: "row" },
        make("button", { type: "button", click: play, "aria-label": `Play ${about}`, text: "Play" }),
        make("button", { type: "button", class: "seed", click: useSeed, title: "Take its text and seed again",
          "aria-label": `Text and seed of ${about}`, text: "Reuse" }),
        make("button", { type: "button", click: () => save(take.wav(), take.fileName),
          "aria-label": `Download ${about}`, text: "WAV" })));
  }
}
