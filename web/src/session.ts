// A session that ends, or begins, elsewhere while a page is open.
import { PekError } from '@pek/client';

interface Session {
  hasEnded: () => boolean;
  /** There may be none any more. */
  look: () => void;
}

/** As `send`; but without a session nothing is written, and who is told that there is none looks. */
export function whileLoggedIn(send: (request: Request) => Promise<Response>, { hasEnded, look }: Session): typeof send {
  return async (request) => {
    if (request.method !== 'GET' && hasEnded()) throw new PekError({ kind: 'signedOut' }, 'the session has ended', 0, '', '', '');
    const response = await send(request);
    if (response.status === 401) look();
    return response;
  };
}

/** What one tab tells the others: somebody logged in there, or out, or has seen all notifications. */
type Said = 'in' | 'out' | 'seen';

const open = () => ('BroadcastChannel' in globalThis ? new BroadcastChannel('pek.session') : undefined);

export function tellTabs(said: Said): void {
  const channel = open();
  channel?.postMessage(said);
  channel?.close();
}

/** Returns what ends it. */
export function hearTabs(hear: (said: Said) => void): () => void {
  const channel = open();
  if (channel) channel.onmessage = ({ data }: MessageEvent<Said>) => hear(data);
  return () => channel?.close();
}
