import { css } from "lit";

/**
 * Every colour of the widget, light and dark. The dark one is taken when the device asks for it, unless the host page says
 * `theme="light"`; `theme="dark"` takes it always. A host page changes colours by `--suixing-*`, those of the dark theme by
 * `--suixing-dark-*`: what was chosen for one is never used in the other, where it might not be readable.
 */
const light = css`
  color-scheme: light;
  --accent: var(--suixing-accent, #c2410c);
  --accent-strong: var(--suixing-accent-strong, #9a3412);
  --on-accent: var(--suixing-on-accent, #ffffff);
  --surface: var(--suixing-surface, #ffffff);
  --ground: var(--suixing-ground, #faf6f2);
  --ink: var(--suixing-ink, #2b211c);
  --ink-soft: var(--suixing-ink-soft, #6b5d54);
  --line: var(--suixing-line, #ebe0d7);
  --own: var(--suixing-own, #ffe7d9);
  --own-ink: var(--suixing-own-ink, #45200d);
  --good: #14663c;
  --good-ground: #e3f4ea;
  --wait: #6b3f02;
  --wait-ground: #fff1d6;
  --wait-line: #e2b968;
  --bad: #a3211b;
  --bad-ground: #fde8e6;
  --system: #0b4a5f;
  --system-ground: #d9eff7;
  --system-line: #6fb6cd;
  --agent: #eef8fb;
  --agent-line: #bfe0ec;
  --plain-ground: #f3ece6;
  --tint: #fff4ec;
  --tint-strong: #ffe7d6;
  --tint-line: #e3b496;
  --field-line: #8f7c70;
  --placeholder: #75675e;
  --off: #eadfd7;
  --off-ink: #6b5d54;
  --dot: #b08d77;
  --star: #8a7a70;
  --focus: #1d6fd8;
`;

const dark = css`
  color-scheme: dark;
  --accent: var(--suixing-dark-accent, #fb923c);
  --accent-strong: var(--suixing-dark-accent-strong, #ffb27a);
  --on-accent: var(--suixing-dark-on-accent, #2a1305);
  --surface: var(--suixing-dark-surface, #261f1b);
  --ground: var(--suixing-dark-ground, #1a1513);
  --ink: var(--suixing-dark-ink, #f3ebe5);
  --ink-soft: var(--suixing-dark-ink-soft, #bfb0a5);
  --line: var(--suixing-dark-line, #43372f);
  --own: var(--suixing-dark-own, #58301a);
  --own-ink: var(--suixing-dark-own-ink, #ffe8d9);
  --good: #86dcab;
  --good-ground: #16361f;
  --wait: #f4cd85;
  --wait-ground: #3d2d0f;
  --wait-line: #a87f35;
  --bad: #ffb0a8;
  --bad-ground: #481d1a;
  --system: #9adaf0;
  --system-ground: #12353f;
  --system-line: #4b9db8;
  --agent: #17303a;
  --agent-line: #2d5868;
  --plain-ground: #3a302a;
  --tint: #38271b;
  --tint-strong: #4a3221;
  --tint-line: #8a5f40;
  --field-line: #8a766a;
  --placeholder: #a99a8f;
  --off: #3a302a;
  --off-ink: #b3a398;
  --dot: #9b8374;
  --star: #a39185;
  --focus: #84b9ff;
`;

export const theme = css`
  :host {
    ${light}
  }
  :host([theme="dark"]) {
    ${dark}
  }
  @media (prefers-color-scheme: dark) {
    :host(:not([theme="light"])) {
      ${dark}
    }
  }
`;
