/** Which pages a role has; the first is where it begins. The server decides who may read what. */
import type { Role } from "../api/types";

export type Page = "console" | "board" | "cases";

export const PAGES: Readonly<Record<Role, readonly Page[]>> = {
  agent: ["console"],
  supervisor: ["board", "cases"],
  officer: ["cases"],
  admin: ["board"],
};

export const pathOf = (page: Page): string => `/${page}`;
export const homeOf = (role: Role): string => pathOf(PAGES[role][0] ?? "board");

/** What an address shows. */
export type Route =
  | { page: "home" | "phone" | "unknown" }
  | { page: Page }
  | { page: "case"; number: string };

export function route(path: string): Route {
  const [, first = "", second, ...rest] = path.split("/");
  if (rest.length > 0) return { page: "unknown" };
  if (first === "" && second === undefined) return { page: "home" };
  if (first === "cases" && second !== undefined && /^\d+$/.test(second)) {
    return { page: "case", number: second };
  }
  if (second !== undefined) return { page: "unknown" };
  switch (first) {
    case "console":
    case "board":
    case "cases":
    case "phone":
      return { page: first };
    default:
      return { page: "unknown" };
  }
}

/** The page that a route belongs to, for the menu and for what a role may open. */
export function pageOf(where: Route): Page | null {
  if (where.page === "case") return "cases";
  return where.page === "console" || where.page === "board" || where.page === "cases"
    ? where.page
    : null;
}
