// The view of long texts: jobs that the server speaks in the background.

import { address, call, isMissing, segment } from "./api.js";
import { ask } from "./ask.js";
import { $, bytes, duration, make, refill, say } from "./dom.js";
import { withKey } from "./key.js";

const ROOT = "audio/speech/long";
const ACTIVE = ["pending", "chunking", "processing"];
const POLL_MS = 3000;
/** Browsers have six connections for a server, and each job watched takes one. */
const MAX_WATCHED = 2;
const STATES = { pending: "waiting", chunking: "being cut", processing: "being spoken", paused: "paused",
  completed: "done", failed: "failed", cancelled: "cancelled" };

export class Jobs {
  /** Whether the server has the routes; null before it is known. */
  isAvailable = null;
  #jobs = [];
  #items = new Map();
  #watched = new Map();
  #timer = null;

  async refresh() {
    clearTimeout(this.#timer);
    try {
      this.#jobs = (await call("GET", `${ROOT}?limit=50`)).jobs;
      this.isAvailable = true;
    } catch (error) {
      if (isMissing(error)) this.isAvailable = false;
      say($("jobs-note"), isMissing(error)
        ? "This server makes no jobs: it speaks texts of up to 3000 characters at once, under “Speak”." : error.message);
      return;
    }
    say($("jobs-note"), this.#jobs.length > 0
      ? "They go on when you close the page, and after the server is started anew."
      : "None yet. Put a text of more than 3000 characters under “Speak”, and make it a job there.");
    this.#show();
    if (this.#jobs.some(({ status }) => ACTIVE.includes(status))) {
      this.#timer = setTimeout(() => this.refresh(), POLL_MS);
    }
  }

  /** @throws {ApiError} */
  async make(request) {
    const job = await call("POST", ROOT, { json: request });
    say($("jobs-status"), `The job is made, in ${job.total_chunks} parts.`);
    await this.refresh();
  }

  #show() {
    const seen = new Set(this.#jobs.map(({ job_id }) => job_id));
    for (const [id, item] of this.#items) {
      if (seen.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    for (const [index, job] of this.#jobs.entries()) {
      let item = this.#items.get(job.job_id);
      if (!item) {
        item = this.#build(job);
        this.#items.set(job.job_id, item);
      }
      // Moving a line takes the focus from its buttons, so only what is out of place is moved.
      if ($("jobs").children[index] !== item) $("jobs").insertBefore(item, $("jobs").children[index] ?? null);
      this.#update(item, job);
    }
    this.#watch();
  }

  #build(job) {
    return make("li", { class: "item" },
      make("div", { class: "item-text" },
        make("p", { class: "said", text: job.display_name || job.text_preview }),
        make("p", { class: "meta" }),
        make("progress", { max: 100, value: 0, "aria-label": "Progress" })),
      make("div", { class: "row actions" }));
  }

  #update(item, job) {
    const { status, progress_percentage: percent } = job;
    const isRunning = ACTIVE.includes(status) || status === "paused";
    const parts = [STATES[status] ?? status, `${job.text_length.toLocaleString("en")} characters`, job.voice];
    if (isRunning) parts.push(`${Math.round(percent)} %`);
    if (isRunning && job.estimated_remaining_seconds) parts.push(`${duration(job.estimated_remaining_seconds)} to go`);
    if (job.total_duration_seconds) parts.push(duration(job.total_duration_seconds));
    if (job.audio_file_size) parts.push(bytes(job.audio_file_size));
    say(item.querySelector(".meta"), parts.filter(Boolean).join(" · "));
    const bar = item.querySelector("progress");
    bar.hidden = !isRunning;
    bar.value = percent;
    item.dataset.status = status;
    if (item.dataset.buttons === status) return;
    item.dataset.buttons = status;
    refill(item.querySelector(".actions"), this.#buttons(job));
  }

  #buttons({ job_id, status, display_name, text_preview }) {
    const path = `${ROOT}/${segment(job_id)}`;
    const name = display_name || text_preview;
    const button = (text, work, more = {}) => make("button", { type: "button", text,
      "aria-label": `${text}: ${name.slice(0, 40)}`, click: () => this.#do(work), ...more });
    const isActive = ACTIVE.includes(status);
    return [
      status === "completed" ? make("a", { class: "button", href: withKey(address(`${path}/download`)), download: true,
        text: "Download", "aria-label": `Download: ${name.slice(0, 40)}` }) : null,
      status === "processing" ? button("Pause", () => call("PUT", `${path}/pause`)) : null,
      status === "paused" ? button("Resume", () => call("PUT", `${path}/resume`)) : null,
      isActive || status === "paused" ? button("Cancel", () => call("DELETE", `${path}?action=cancel`)) : null,
      ["failed", "cancelled"].includes(status)
        ? button("Retry", () => call("POST", `${path}/retry`, { json: { preserve_chunks: true } })) : null,
      isActive ? null : button("Delete", () => this.#delete(path, name), { class: "danger" }),
    ].filter(Boolean);
  }

  async #delete(path, name) {
    const text = `“${name.slice(0, 80)}” and its audio are removed from the server.`;
    if (await ask({ title: "Delete this job?", text, confirm: "Delete" }) === null) return;
    await call("DELETE", `${path}?action=delete`);
  }

  async #do(work) {
    say($("jobs-problem"), "");
    try {
      await work();
    } catch (error) {
      say($("jobs-problem"), error.message);
    }
    await this.refresh();
  }

  /** Hears of progress as it happens, for the first jobs under way; the rest is asked for. */
  #watch() {
    const active = this.#jobs.filter(({ status }) => ACTIVE.includes(status)).slice(-MAX_WATCHED);
    const wanted = new Set(active.map(({ job_id }) => job_id));
    for (const [id, source] of this.#watched) {
      if (wanted.has(id)) continue;
      source.close();
      this.#watched.delete(id);
    }
    for (const job of active) {
      if (this.#watched.has(job.job_id)) continue;
      const source = new EventSource(withKey(address(`${ROOT}/${segment(job.job_id)}/sse`)));
      this.#watched.set(job.job_id, source);
      source.addEventListener("progress", ({ data }) => {
        const progress = JSON.parse(data);
        const now = this.#jobs.find(({ job_id }) => job_id === job.job_id);
        const item = this.#items.get(job.job_id);
        if (!now || !item) return;
        now.status = progress.status;
        now.progress_percentage = progress.progress;
        now.estimated_remaining_seconds = progress.estimated_remaining_seconds;
        this.#update(item, now);
      });
      const end = () => {
        source.close();
        this.refresh();
      };
      source.addEventListener("completed", end);
      // Also the browser's own event for a connection that failed: asking goes on.
      source.addEventListener("error", (event) => { if (event.data) end(); else source.close(); });
    }
  }
}
