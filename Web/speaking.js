// What happens between the click and the last sample: one take at a time, from the server to the loudspeaker.

import { Take } from "./take.js";

/** Events: `change` (detail: the take) whenever a take or what is heard of it changes its state; `refused` (the error). */
export class Speaking extends EventTarget {
  #connection;
  #player;
  #request = null;
  #isReplay = false;
  /** @type {Take|null} what is or was heard last */
  take = null;
  /** Sound is being heard or awaited. */
  isPlaying = false;

  constructor(connection, player) {
    super();
    this.#connection = connection;
    this.#player = player;
    player.addEventListener("first", ({ detail }) => {
      if (this.#isReplay) return;
      this.take.firstSound = detail;
      this.#changed();
    });
    player.addEventListener("ended", () => {
      this.take.gaps = Math.max(this.take.gaps, this.#isReplay ? 0 : player.gaps);
      this.isPlaying = false;
      this.#changed();
    });
  }

  /**
   * @param {{text: string, data: object, voice: string, recording: Blob=, isPreview: boolean=, note: string=}} order
   *   `note` is shown until there is sound
   * @param {number} clickedAt when it was asked for, by performance.now()
   */
  async speak(order, clickedAt) {
    this.#end(false);
    const take = new Take(order.text, order.voice);
    take.isPreview = order.isPreview ?? false;
    take.asked = order.voice;
    take.note = order.note;
    this.#isReplay = false;
    this.take = take;
    this.isPlaying = true;
    this.#changed();
    this.#player.begin(clickedAt, take.sampleRate);
    try {
      await this.#connection.ready();
    } catch (error) {
      return this.#fail(take, error.message);
    }
    if (this.take !== take || take.state !== "waiting") return;
    const data = { input: order.text, ...order.data };
    this.#request = this.#connection.request(data, this.#handlers(take, clickedAt), order.recording);
  }

  /** Plays a take of before. */
  replay(take, clickedAt) {
    this.#end(false);
    this.#isReplay = true;
    this.take = take;
    this.isPlaying = true;
    this.#player.begin(clickedAt, take.sampleRate);
    for (const chunk of take.chunks) this.#player.push(chunk);
    this.#player.finish();
    this.#changed();
  }

  /** Silence at once. A new take ends there: what wasn't heard is forgotten. */
  stop() {
    this.#end(true);
  }

  /** One that is complete stays so when another takes its place. */
  #end(isWanted) {
    if (!this.isPlaying) return;
    const heard = this.#player.stop();
    this.isPlaying = false;
    if (this.#request) this.#connection.cancel(this.#request);
    this.#request = null;
    const isWhole = this.take.state === "done" && !isWanted;
    if (!this.#isReplay && this.take.state !== "failed" && !isWhole) {
      this.take.cut(heard);
      this.take.state = "stopped";
    }
    this.#changed();
  }

  #handlers(take, clickedAt) {
    const isWanted = () => this.take === take && ["waiting", "speaking"].includes(take.state);
    return {
      queued: ({ position, estimated_wait: wait }) => {
        if (!isWanted()) return;
        take.note = `Others are spoken first: place ${position}${wait ? `, ${Math.ceil(wait)} s at most` : ""}…`;
        this.#changed();
      },
      info: (message) => {
        if (!isWanted()) return;
        take.note = undefined;
        take.voice = message.voice ?? take.voice;
        take.ignored = message.ignored_parameters;
        if (message.sample_rate !== take.sampleRate) {
          take.sampleRate = message.sample_rate;
          this.#player.begin(clickedAt, take.sampleRate);
        }
        this.#changed();
      },
      audio: (pcm) => {
        if (!isWanted()) return;
        take.add(pcm);
        this.#player.push(pcm);
        if (take.state === "waiting") {
          take.state = "speaking";
          this.#changed();
        }
      },
      metrics: (data) => { if (isWanted()) take.metrics = data; },
      words: (words) => { if (isWanted()) take.words.push(...words); },
      done: (message) => {
        if (!isWanted()) return;
        this.#request = null;
        take.state = "done";
        take.seed = message.seed;
        this.#player.finish();
        this.#changed();
      },
      error: (message) => {
        if (!isWanted()) return;
        this.#fail(take, message.error, message.field);
      },
      lost: () => {
        if (!isWanted()) return;
        this.#fail(take, take.samples > 0
          ? `The connection was lost after ${take.seconds.toFixed(1)} s of audio.` : "The connection was lost.");
      },
    };
  }

  /** What came is still played. */
  #fail(take, message, field) {
    this.#request = null;
    if (this.take !== take) return;
    take.state = "failed";
    take.error = message;
    if (take.samples === 0) {
      this.#player.stop();
      this.isPlaying = false;
    } else {
      this.#player.finish();
    }
    this.#changed();
    this.dispatchEvent(new CustomEvent("refused", { detail: { message, field } }));
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change", { detail: this.take }));
  }
}
