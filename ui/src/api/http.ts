/** Requests to the server. Every refusal is an {@link ApiError}; no answer is {@link Unreachable}. */
import { learnServerTime } from "../lib/clock";
import type { CaseChange, CaseDraft, ErrorBody } from "./types";

/** The server answered no. `code` is its word for why, `fields` what is wrong with which field. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: Readonly<Record<string, string>> = {},
    /** With `stale`: what is stored now … */
    readonly current: CaseDraft | null = null,
    /** … or what others changed. */
    readonly changes: readonly CaseChange[] = [],
  ) {
    super(message);
  }

  /** Asking again may help: the server was in trouble, or somebody must sign in first. */
  get passing(): boolean {
    return this.status >= 500 || this.status === 401 || this.status === 429;
  }
}

/** No answer: the network, or the server, is away. Asking again may help. */
export class Unreachable extends Error {}

/** An answer must come within this, or the server counts as away. */
const MOST_MS = 15_000;
/** A file over a slow line. */
const UPLOAD_MS = 60_000;

let csrf = "";
let signedOut: () => void = () => {};

export const setCsrf = (token: string): void => {
  csrf = token;
};

/** Called when the server says that nobody is signed in any more. */
export const onSignedOut = (callback: () => void): void => {
  signedOut = callback;
};

export interface Options {
  signal?: AbortSignal;
  /** Let the request outlive the page. */
  keepalive?: boolean;
}

async function refusal(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as ErrorBody;
    return new ApiError(
      response.status,
      error.code,
      error.message,
      error.fields ?? {},
      error.current ?? null,
      error.changes ?? [],
    );
  } catch {
    return new ApiError(response.status, `http_${response.status}`, response.statusText);
  }
}

/** One request with a JSON answer. A file is sent as it is, everything else as JSON. */
export async function request<T>(
  method: "GET" | "POST" | "PUT",
  path: string,
  body?: unknown,
  options: Options = {},
): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const file = body instanceof File ? body : null;
  if (file !== null) {
    headers["Content-Type"] = "application/octet-stream";
    headers["X-File-Name"] = encodeURIComponent(file.name);
  } else if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf !== "") headers["X-CSRF-Token"] = csrf;
  const timeout = AbortSignal.timeout(file === null ? MOST_MS : UPLOAD_MS);
  const sentAt = Date.now();
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: file ?? (body === undefined ? null : JSON.stringify(body)),
      credentials: "same-origin",
      cache: "no-store",
      keepalive: options.keepalive ?? false,
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Unreachable(error instanceof Error ? error.message : String(error));
  }
  learnServerTime(response.headers.get("Date"), sentAt, Date.now());
  if (!response.ok) {
    const error = await refusal(response);
    if (error.status === 401 && path !== "/api/sign-in") signedOut();
    throw error;
  }
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export const get = <T>(path: string, options?: Options): Promise<T> =>
  request<T>("GET", path, undefined, options);
export const post = <T = unknown>(path: string, body: unknown = {}): Promise<T> =>
  request<T>("POST", path, body);
export const put = <T = unknown>(path: string, body: unknown, options?: Options): Promise<T> =>
  request<T>("PUT", path, body, options);
