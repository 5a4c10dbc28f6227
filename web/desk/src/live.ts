/** Everything that wants to know when the server's data changed. */

import { ref } from "vue";

import { Live, deskSocket } from "./api/live";
import { refresh, retrySending } from "./stores/conversation";
import { refreshQueue } from "./stores/queue";
import { expire } from "./stores/session";

export const connected = ref(true);
/** Grows with every change that the server reports; views that show more than conversations watch it. */
export const changes = ref(0);

const live = new Live({
  connect: deskSocket,
  onChange: () => {
    changes.value += 1;
    void refreshQueue();
    void refresh();
  },
  onLoggedOut: expire,
  onState: (up) => {
    connected.value = up;
    if (up) retrySending();
  },
});

/** Until the returned function is called. */
export function followServer(): () => void {
  const hurry = (): void => {
    live.hurry();
  };
  const cut = (): void => {
    live.cut();
  };
  const renew = (): void => {
    live.renew();
  };
  live.start();
  window.addEventListener("online", renew);
  window.addEventListener("offline", cut);
  document.addEventListener("visibilitychange", hurry);
  return () => {
    live.stop();
    window.removeEventListener("online", renew);
    window.removeEventListener("offline", cut);
    document.removeEventListener("visibilitychange", hurry);
  };
}
