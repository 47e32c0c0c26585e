/** Which pages a role has; the first is where it begins. The server decides who may read what. */
import type { Role } from "../api/types";

export type Page = "console" | "board" | "cases" | "directory";

export const PAGES: Readonly<Record<Role, readonly Page[]>> = {
  agent: ["console", "cases", "directory"],
  supervisor: ["board", "cases", "directory"],
  officer: ["cases", "directory"],
  admin: ["board"],
};

export const pathOf = (page: Page): string => `/${page}`;
export const homeOf = (role: Role): string => pathOf(PAGES[role][0] ?? "board");

/** What an address shows. */
export type Route =
  | { page: "home" | "phone" | "intake" | "unknown" }
  | { page: Page }
  | { page: "case"; number: string };

export function route(path: string): Route {
  const [, first = "", second, ...rest] = path.split("/");
  if (rest.length > 0) return { page: "unknown" };
  if (first === "" && second === undefined) return { page: "home" };
  if (first === "cases" && second !== undefined && /^\d+$/.test(second)) {
    return { page: "case", number: second };
  }
  if (first === "cases" && second === "new") return { page: "intake" };
  if (second !== undefined) return { page: "unknown" };
  switch (first) {
    case "console":
    case "board":
    case "cases":
    case "directory":
    case "phone":
      return { page: first };
    default:
      return { page: "unknown" };
  }
}

/** The page that a route belongs to, for the menu and for what a role may open. */
export function pageOf(where: Route): Page | null {
  switch (where.page) {
    case "case":
    case "intake":
      return "cases";
    case "console":
    case "board":
    case "cases":
    case "directory":
      return where.page;
    default:
      return null;
  }
}
