/** Which page is shown: the address decides, links change it without loading anew. */
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

const here = (): Place => ({
  path: location.pathname.replace(/(.)\/$/, "$1"),
  query: new URLSearchParams(location.search),
});

export const place = signal<Place>(here());

/** Go to `to`, a path with or without a query. `replace`: the present page is not kept to go back. */
export function navigate(to: string, replace = false): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  place.value = here();
}

function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (
    link === null ||
    link.target !== "" ||
    link.rel === "external" ||
    link.origin !== location.origin
  )
    return;
  if (link.hash !== "" && link.pathname === location.pathname) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
  window.scrollTo(0, 0);
}

export function startRouter(): void {
  window.addEventListener("popstate", () => {
    place.value = here();
  });
  document.addEventListener("click", follow);
}
