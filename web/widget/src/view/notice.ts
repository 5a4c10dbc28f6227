/** What tells a borrower who looks elsewhere that something came: a count in the page's title, and a short tone when they want one. */

import type { ChatState } from "../state.js";
import { TEXTS } from "../texts.js";

class TitleCount {
  private own: { readonly before: string; readonly shown: string } | null = null;

  /** 0 gives the page its title back, unless the page has set another one meanwhile. */
  show(count: number): void {
    if (this.own !== null && document.title === this.own.shown) document.title = this.own.before;
    this.own = null;
    if (count === 0) return;
    this.own = { before: document.title, shown: `（${TEXTS.unread(count)}）${document.title}` };
    document.title = this.own.shown;
  }
}

/** Tells of what came while nobody looked. */
export class Notices {
  private readonly title = new TitleCount();
  private readonly beep = new Beep();
  private heard: number | null = null;

  /** On a press of the bell. */
  allowSound(): void {
    this.beep.allow();
    this.beep.play();
  }

  /** The count in the title while the page is hidden; a tone, with `sound`, for what is new unless it is `watched`. */
  tell({ messages, connection }: Pick<ChatState, "messages" | "connection">, unread: number, sound: boolean, watched: boolean): void {
    this.title.show(document.visibilityState === "hidden" ? unread : 0);
    if (connection !== "online") return;
    const { heard } = this;
    this.heard = messages.at(-1)?.seq ?? 0;
    const fresh = heard !== null && messages.some(({ seq, author }) => seq > heard && author !== "borrower");
    if (fresh && sound && !watched) this.beep.play();
  }

  clear(): void {
    this.title.show(0);
  }
}

class Beep {
  private context: AudioContext | null = null;

  /** Call it on a press: browsers let a page sound only after one. */
  allow(): void {
    if (!("AudioContext" in globalThis)) return;
    this.context ??= new AudioContext();
    void this.context.resume();
  }

  play(): void {
    const { context } = this;
    if (context?.state !== "running") return;
    const tone = context.createOscillator();
    const volume = context.createGain();
    const now = context.currentTime;
    tone.frequency.value = 740;
    volume.gain.setValueAtTime(0.08, now);
    volume.gain.exponentialRampToValueAtTime(0.001, now + 0.25);
    tone.connect(volume).connect(context.destination);
    tone.start(now);
    tone.stop(now + 0.25);
  }
}
