// Plain HTTP of the server: models, voices and jobs. Paths are relative, so a proxy may put the page under a prefix.

import { askForKey, currentKey, keyHeaders } from "./key.js";

/** The server refused: `fields` maps names of fields to what is wrong with them. */
export class ApiError extends Error {
  constructor(status, body) {
    const detail = Array.isArray(body?.detail) ? body.detail : [];
    super(body?.error?.message || detail[0]?.msg || `The server answered with ${status}.`);
    this.status = status;
    this.fields = Object.fromEntries(detail.map((item) => [item.loc?.at(-1), item.msg]));
    if (body?.error?.param) this.fields[body.error.param] ??= this.message;
  }
}

export const address = (path) => new URL(path, document.baseURI);

/** The stream's address. */
export function streamAddress() {
  const url = address("ws/stream/audio");
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/**
 * @param {object=} content `{json}`, or `{form}` of names and values: a file among them is sent as multipart
 * @returns the answer's JSON @throws {ApiError} or a TypeError if there is no connection
 */
export async function call(method, path, content = {}) {
  const used = currentKey();
  const options = { method, headers: keyHeaders() };
  if (content.json) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(content.json);
  } else if (content.form) {
    options.body = new FormData();
    for (const [name, value] of Object.entries(content.form)) {
      if (value instanceof File) options.body.append(name, value, value.name);
      else options.body.append(name, value);
    }
  }
  let response;
  try {
    response = await fetch(address(path), options);
  } catch {
    throw new Error("There is no connection to the server.");
  }
  const body = await response.json().catch(() => null);
  if (response.status === 401 && (await askForKey(body?.error?.message ?? "", used))) return call(method, path, content);
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

/** Whether a route is missing on this server, rather than broken. */
export const isMissing = (error) => error instanceof ApiError && [404, 405, 501].includes(error.status);

/** One path segment. */
export const segment = encodeURIComponent;
