/** Light or dark: as the system says, unless somebody chose. */

import { ref, watchEffect } from "vue";

export type Theme = "auto" | "light" | "dark";

const KEY = "theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const stored = localStorage.getItem(KEY);

export const theme = ref<Theme>(stored === "light" || stored === "dark" ? stored : "auto");
export const dark = ref(false);

export function followTheme(): void {
  const apply = (): void => {
    dark.value = theme.value === "dark" || (theme.value === "auto" && system.matches);
    document.documentElement.classList.toggle("dark", dark.value);
  };
  system.addEventListener("change", apply);
  watchEffect(() => {
    if (theme.value === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme.value);
    apply();
  });
}
