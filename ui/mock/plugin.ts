/**
 * The make-believe server inside `npm run dev` and `npm run mock`. Sign in as sari (agent), budi
 * (supervisor), rina (officer) or admin, with any password but "wrong".
 * `POST /mock/scene {"scene": "offered"}` shows a state, see `Scene`; also `conflict` (the next save
 * meets somebody else's), `cut` (the live connections drop), `away` (`{"scene": "away", "ms": 5000}`
 * refuses everything for that long) and `expired` (the session ends).
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { type WebSocket, WebSocketServer } from "ws";
import type { Channel } from "../src/api/types.ts";
import { BODIES, casePage, desk, oneCase, UNITS } from "./desk.ts";
import { type Scene, TOPICS, World } from "./world.ts";

type Body = Record<string, unknown>;

async function bodyOf(request: IncomingMessage): Promise<Body> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? {} : (JSON.parse(text) as Body);
}

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly current: unknown;
  constructor(status: number, code: string, message = code, current?: unknown) {
    super(message);
    this.status = status;
    this.code = code;
    this.current = current;
  }
}

class Api {
  readonly #world = new World();
  readonly #sockets = new Map<WebSocket, string>();
  #awayUntil = 0;

  constructor() {
    this.#world.onChange = () => {
      for (const [socket, page] of this.#sockets) this.#send(socket, page);
    };
    setInterval(() => {
      for (const socket of this.#sockets.keys()) {
        socket.send(JSON.stringify({ seq: this.#world.seq }));
      }
    }, 20_000).unref();
  }

  listen(server: Server): void {
    const sockets = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request, socket, head) => {
      const url = new URL(request.url ?? "/", "http://mock");
      if (url.pathname !== "/api/live") return;
      if (Date.now() < this.#awayUntil || this.#world.me === null) {
        socket.destroy();
        return;
      }
      sockets.handleUpgrade(request, socket, head, (live) => {
        const page = url.searchParams.get("page") ?? "board";
        this.#sockets.set(live, page);
        live.on("close", () => this.#sockets.delete(live));
        if (Number(url.searchParams.get("after")) < this.#world.seq) this.#send(live, page);
      });
    });
  }

  #send(socket: WebSocket, page: string): void {
    const document = page === "agent" ? this.#world.view : this.#world.board();
    socket.send(JSON.stringify({ seq: this.#world.seq, [page]: document }));
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = new URL(request.url ?? "/", "http://mock");
    if (!/^\/(api|simulator|mock)\//.test(url.pathname)) return false;
    let status = 200;
    let document: unknown;
    try {
      const body = await bodyOf(request);
      if (Date.now() < this.#awayUntil) throw new Refusal(503, "away");
      document = this.#answer(request.method ?? "GET", url, body);
      if (url.pathname === "/simulator/calls") status = 201;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      status = error.status;
      document = {
        error: { code: error.code, message: error.message, current: error.current },
      };
    }
    response.statusCode = document === undefined ? 204 : status;
    response.setHeader("Content-Type", "application/json");
    response.end(document === undefined ? undefined : JSON.stringify(document));
    return true;
  }

  #answer(method: string, url: URL, body: Body): unknown {
    const path = url.pathname;
    if (path === "/mock/scene") return this.#scene(String(body.scene), body);
    if (path.startsWith("/simulator/")) return this.#simulator(method, url, body);
    if (path === "/api/sign-in") {
      const me = body.password === "wrong" ? null : this.#world.signIn(String(body.username));
      if (me === null) throw new Refusal(401, "wrong_password");
      return me;
    }
    if (this.#world.me === null) throw new Refusal(401, "signed_out");
    if (path.startsWith("/api/agent")) return this.#agent(method, path, body);
    return this.#other(path, url, body);
  }

  #other(path: string, url: URL, body: Body): unknown {
    const { account } = this.#world.me ?? {};
    switch (path) {
      case "/api/me":
        return this.#world.me;
      case "/api/me/language":
        if (account) {
          account.language = body.language === "en" ? "en" : "id";
          this.#world.languages[account.username] = account.language;
        }
        return undefined;
      case "/api/sign-out":
        this.#world.me = null;
        return undefined;
      case "/api/topics":
        return TOPICS;
      case "/api/board":
        return this.#world.board();
      case "/api/desk":
        return desk();
      case "/api/desk/cases":
        return casePage(url.searchParams);
      case "/api/desk/search": {
        const asked = Object.entries(body).map(([name, value]) => [name, String(value)]);
        return casePage(new URLSearchParams(asked));
      }
      case "/api/units":
        return UNITS;
      case "/api/directory":
        return { bodies: BODIES };
    }
    const found = oneCase(path.split("/")[3] ?? "");
    if (found === null) throw new Refusal(404, "not_found");
    return found;
  }

  #agent(method: string, path: string, body: Body): unknown {
    const world = this.#world;
    if (path === "/api/agent") return world.view;
    if (path === "/api/agent/state") {
      const busy = world.view.call ?? world.view.wrap_up ?? world.view.offer;
      const reason = body.state === "paused" ? String(body.reason ?? "other") : null;
      if (busy) world.view.agent = { ...world.view.agent, reason };
      else world.setState(body.state === "ready" ? "ready" : "paused", reason);
      world.changed();
      return undefined;
    }
    if (path.endsWith("/accept") || path.endsWith("/decline")) {
      if (world.view.offer === null || !path.includes(`/${world.view.offer.id}/`)) {
        throw new Refusal(409, "gone");
      }
      if (path.endsWith("/accept")) world.accept();
      else world.decline();
      return undefined;
    }
    if (path.endsWith("/hangup")) return world.endCall();
    if (path.endsWith("/body")) return world.bringIn(String(body.code));
    if (path.endsWith("/body/end")) return world.letGo();
    if (path.endsWith("/message")) return world.sendNumber(body.channel as Channel);
    if (path === "/api/agent/wrap-up/done") return world.wrapUpDone();
    if (method === "PUT" && path.endsWith("/case")) {
      const { version, ...changes } = body;
      const saved = world.saveCase(Number(version), changes);
      if (saved === null) throw new Refusal(409, "stale", "stale", world.stored());
      return saved;
    }
    throw new Refusal(404, "not_found");
  }

  #simulator(method: string, url: URL, body: Body): unknown {
    const [, , , id, what] = url.pathname.split("/");
    if (id === undefined) {
      return { call: this.#world.dial(body.from as string | null, String(body.to)) };
    }
    const call = this.#world.simulated(id);
    if (!call) throw new Refusal(404, "not_found");
    if (method === "GET") return call.document(Number(url.searchParams.get("after") ?? 0));
    if (what === "keys") call.keys(String(body.keys));
    if (what === "silence") call.silence();
    if (what === "speak") call.speak();
    if (what === "hangup") call.state = "gone";
    return undefined;
  }

  #scene(scene: string, body: Body): undefined {
    if (scene === "conflict") this.#world.conflict = true;
    else if (scene === "expired") this.#world.me = null;
    else if (scene === "cut" || scene === "away") {
      if (scene === "away") this.#awayUntil = Date.now() + Number(body.ms ?? 5000);
      for (const socket of this.#sockets.keys()) socket.terminate();
    } else this.#world.scene(scene as Scene);
    return undefined;
  }
}

/** The pages' addresses are all one page; the real server does the same. */
export function mockApi(): Plugin {
  const use = (server: {
    httpServer: unknown;
    middlewares: {
      use(
        handle: (request: IncomingMessage, response: ServerResponse, next: () => void) => void,
      ): void;
    };
  }) => {
    const api = new Api();
    api.listen(server.httpServer as Server);
    server.middlewares.use((request, response, next) => {
      void api.handle(request, response).then((done) => {
        if (!done) next();
      });
    });
  };
  return { name: "mock-api", configureServer: use, configurePreviewServer: use };
}
