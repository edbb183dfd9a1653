// The WebSocket of docs/protocol.md: kept open, opened again when it is lost, answers sorted to their requests.

import { keyProtocols, keyring } from "./key.js";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;
/** A request that hears nothing for so long asks whether anybody is there. */
const QUIET_MS = 10_000;
const WAV_HEADER_BYTES = 44;

/**
 * Events: `state` when `state` changes: connecting, open or lost; `refused` when it could not be opened at all, or was
 * closed because the key is of no use any more.
 *
 * A request's handlers: info, audio (Int16Array), metrics, words, cancelled; and once done, error (message) or lost.
 */
export class Connection extends EventTarget {
  #url;
  #socket = null;
  #retryMs = FIRST_RETRY_MS;
  #requests = new Map();
  /** The request whose audio comes now. */
  #current = null;
  #needsHeader = false;
  #count = 0;
  #heardAt = 0;
  #pingedAt = 0;
  state = "connecting";

  constructor(url) {
    super();
    this.#url = url;
    this.#open();
    setInterval(() => this.#watch(), 1000);
    // A page nobody looks at need not hold a place at the server: it connects again when it is shown.
    document.addEventListener("visibilitychange", () => this.#wake());
    addEventListener("online", () => this.#wake());
    keyring.addEventListener("change", () => this.#wake());
  }

  /** Resolves when open. @throws after `seconds` */
  ready(seconds = 10) {
    if (this.state === "open") return Promise.resolve();
    this.#wake();
    return new Promise((resolve, reject) => {
      const finish = (error) => {
        clearTimeout(timer);
        this.removeEventListener("state", check);
        if (error) reject(error);
        else resolve();
      };
      const check = () => { if (this.state === "open") finish(); };
      const timer = setTimeout(() => finish(new Error("There is no connection to the server.")), seconds * 1000);
      this.addEventListener("state", check);
    });
  }

  /**
   * @param {object} data of the stream_request
   * @param {object} handlers see above
   * @param {Blob=} recording sent after it, with `voice_audio: true`
   * @returns {string} the request's id
   */
  request(data, handlers, recording) {
    const id = `page-${++this.#count}`;
    const request = { ...data, request_id: id };
    if (recording) request.voice_audio = true;
    this.#requests.set(id, handlers);
    this.#heardAt = performance.now();
    // Seeds are 64-bit numbers, which JavaScript doesn't have: they are kept as their digits.
    const text = JSON.stringify({ type: "stream_request", data: request });
    this.#socket.send(text.replace(/"seed":"(\d+)"/, '"seed":$1'));
    if (recording) this.#socket.send(recording);
    return id;
  }

  /** Ends a request; its `done` still comes. */
  cancel(id) {
    if (this.#requests.has(id) && this.state === "open") {
      this.#socket.send(JSON.stringify({ type: "cancel", request_id: id }));
    }
  }

  #open() {
    const socket = new WebSocket(this.#url, keyProtocols());
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.#heardAt = performance.now();
      this.#pingedAt = 0;
      if (typeof data === "string") this.#receive(JSON.parse(data.replace(/"seed":(\d+)/, '"seed":"$1"')));
      else this.#receiveAudio(data);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      const isRefused = this.state !== "open" || code === 1008;
      this.#lose();
      if (isRefused) this.dispatchEvent(new Event("refused"));
    };
  }

  #lose() {
    this.#socket = null;
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    this.#current = null;
    this.#set("lost");
    for (const handlers of requests) handlers.lost?.();
    if (document.hidden) return;
    setTimeout(() => this.#wake(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }

  #wake() {
    if (!this.#socket && !document.hidden) this.#open();
  }

  #watch() {
    if (this.state !== "open" || this.#requests.size === 0) return;
    const now = performance.now();
    if (this.#pingedAt && now - this.#pingedAt > QUIET_MS) {
      const socket = this.#socket;
      this.#lose();
      socket.close();
    } else if (!this.#pingedAt && now - this.#heardAt > QUIET_MS) {
      this.#pingedAt = now;
      this.#socket.send('{"type":"ping"}');
    }
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #receive(message) {
    const handlers = this.#requests.get(message.request_id);
    switch (message.type) {
      case "connected":
        this.#retryMs = FIRST_RETRY_MS;
        this.#set("open");
        break;
      case "queued":
        handlers?.queued?.(message);
        break;
      case "info":
        this.#current = handlers;
        this.#needsHeader = message.parameters?.output_format !== "base64";
        handlers?.info?.(message);
        break;
      case "audio":
        this.#current?.audio?.(pcm(Uint8Array.from(atob(message.data.audio), (c) => c.charCodeAt(0)).buffer));
        break;
      case "metrics":
        this.#current?.metrics?.(message.data);
        break;
      case "timestamps":
        this.#current?.words?.(message.words);
        break;
      case "cancelled":
        handlers?.cancelled?.();
        break;
      case "done":
      case "error":
        this.#requests.delete(message.request_id);
        if (handlers && handlers === this.#current) this.#current = null;
        handlers?.[message.type]?.(message);
        break;
    }
  }

  #receiveAudio(buffer) {
    if (this.#needsHeader && buffer.byteLength === WAV_HEADER_BYTES) {
      this.#needsHeader = false;
      return;
    }
    this.#current?.audio?.(pcm(buffer));
  }
}

/** Samples are little-endian, as every browser's machine is. */
const pcm = (buffer) => new Int16Array(buffer, 0, buffer.byteLength >> 1);
