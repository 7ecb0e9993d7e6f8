// Light or dark: as the system has it, or as the reader chose.

import { computed, effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const storageKey = "weir.theme";
const prefers = matchMedia("(prefers-color-scheme: dark)");
const system = signal(prefers.matches);

export const theme = signal<Theme>(remembered());
export const isDark = computed(() => (theme.value === "system" ? system.value : theme.value === "dark"));

/** A browser that lets nobody store anything still has a theme. */
function remembered(): Theme {
  try {
    const t = localStorage.getItem(storageKey);
    return t === "light" || t === "dark" ? t : "system";
  } catch {
    return "system";
  }
}

/** Takes the other look; chosen for as long as it is not what the system has. */
export function toggleTheme(): void {
  const dark = !isDark.value;
  theme.value = dark === system.value ? "system" : dark ? "dark" : "light";
  try {
    if (theme.value === "system") localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, theme.value);
  } catch {
    // it lasts until the page is left
  }
}

prefers.addEventListener("change", () => { system.value = prefers.matches; });
effect(() => { document.documentElement.dataset.theme = isDark.value ? "dark" : "light"; });
