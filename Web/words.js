// The text as words that light up when they are heard.

import { make } from "./dom.js";

/** Words as the server counts them: runs without white space that have a letter or a digit. */
const WORD = /[\p{L}\p{N}]/u;

export class Words {
  #place;
  #spans = [];
  #lit = -1;

  constructor(place) {
    this.#place = place;
  }

  show(text) {
    this.#spans = [];
    this.#lit = -1;
    this.#place.replaceChildren();
    for (const part of text.split(/(\s+)/)) {
      if (!WORD.test(part)) {
        this.#place.append(part);
        continue;
      }
      const span = make("span", { class: "word", text: part });
      this.#spans.push(span);
      this.#place.append(span);
    }
    this.#place.scrollTop = 0;
  }

  /** @param {{start: number}[]} words with times so far @param {number|null} seconds heard, null for all of them */
  light(words, seconds) {
    let at = this.#spans.length;
    if (seconds !== null) {
      // They come in order, and time mostly goes forward.
      at = Math.min(this.#lit, words.length - 1);
      while (at >= 0 && words[at].start > seconds) at -= 1;
      while (at + 1 < words.length && words[at + 1].start <= seconds) at += 1;
    }
    if (at === this.#lit) return;
    for (let i = Math.min(at, this.#lit, this.#spans.length); i <= Math.max(at, this.#lit); i++) {
      const span = this.#spans[i];
      if (!span) continue;
      span.classList.toggle("spoken", i < at);
      span.classList.toggle("lit", i === at);
    }
    this.#lit = at;
    this.#follow(this.#spans[at]);
  }

  /** Keeps the word in sight within its place, without moving the page. */
  #follow(span) {
    if (!span) return;
    const top = span.offsetTop - this.#place.offsetTop;
    const { scrollTop, clientHeight } = this.#place;
    if (top < scrollTop || top + span.offsetHeight > scrollTop + clientHeight) {
      this.#place.scrollTop = Math.max(0, top - clientHeight / 3);
    }
  }
}
