import { svg, html, type TemplateResult } from "lit";

function icon(path: TemplateResult): TemplateResult {
  return html`<svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${path}</svg>`;
}

export const star = icon(svg`<path fill="currentColor" stroke="none" d="M12 2.8c.6 4.9 3.4 7.9 8.6 9.2-5.2 1.3-8 4.3-8.6 9.2-.6-4.9-3.4-7.9-8.6-9.2C8.6 10.7 11.4 7.7 12 2.8Z"/>`);
export const close = icon(svg`<path d="m6 6 12 12M18 6 6 18"/>`);
export const headset = icon(svg`<path d="M4.5 14v-2a7.5 7.5 0 0 1 15 0v2M4.5 13.5h2.3v5H6a1.5 1.5 0 0 1-1.5-1.5v-3.5Zm15 0h-2.3v5h.8a1.5 1.5 0 0 0 1.5-1.5v-3.5ZM17 18.5c0 1.4-1.6 2.2-4 2.2"/>`);
export const send = icon(svg`<path d="M5 12h13m-5.5-6 6 6-6 6"/>`);
export const bubble = icon(svg`<path d="M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5v-7Z"/><path d="M8.5 10h.01M12 10h.01M15.5 10h.01" stroke-width="2.6"/>`);
export const clip = icon(svg`<path d="m19 11.5-7.4 7.4a4.6 4.6 0 0 1-6.5-6.5l7.8-7.8a3.1 3.1 0 0 1 4.4 4.4l-7.7 7.7a1.5 1.5 0 0 1-2.2-2.2l7-7"/>`);
export const bell = icon(svg`<path d="M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5l1.5-1.5ZM10 20.5h4"/>`);
export const bellOff = icon(svg`<path d="M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5l1.5-1.5ZM10 20.5h4M4 4l16 16"/>`);
export const back = icon(svg`<path d="m14.5 6-6 6 6 6"/>`);
export const down = icon(svg`<path d="m6 9.5 6 6 6-6"/>`);
