// What is told to the user, as it happens: one stream for the whole site, which goes on by itself after a break.
import { answer, events, PekError } from '@pek/client';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { groupOfLink, loginQuery, pek, sessionQuery, type Notification } from './api';
import { tell } from './parts/toasts';
import { useTexts } from './texts';
import { sentenceOf } from './parts/notification';

// What is older was there when the page was opened.
const freshSeconds = 20;

// A realm may know somebody a moment before the hub knows that it does, and tells their name only then.
const nameMs = 1000;

async function named(notification: Notification): Promise<Notification> {
  if (notification.actorName !== '') return notification;
  await new Promise((resolve) => setTimeout(resolve, nameMs));
  const latest = await answer(pek.GET('/api/v1/notifications', { params: { query: { pageSize: 10 } } })).catch(() => undefined);
  return latest?.notifications.find(({ id }) => id === notification.id) ?? notification;
}

export function useLiveNotifications(signedIn: boolean): void {
  const client = useQueryClient();
  const texts = useTexts();

  useEffect(() => {
    if (!signedIn) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Many may come at once: what is shown is asked for again when they have come.
    const refresh = (group: string | undefined) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        void client.invalidateQueries({ queryKey: ['notifications'] });
        if (group === undefined) return;
        void client.invalidateQueries({ queryKey: ['memberships'] });
        void client.invalidateQueries({ queryKey: ['group'] });
        void client.invalidateQueries({ queryKey: ['waiting'] });
        // Rights may have come or gone with it.
        void client.invalidateQueries({ queryKey: ['may'] });
        void client.invalidateQueries(sessionQuery);
      }, 150);
    };
    const stop = events<Notification>('/api/v1/notifications?unseen=true', {
      onItem: (notification) => {
        const fresh = Date.now() - new Date(notification.createTime ?? 0).getTime() < freshSeconds * 1000;
        if (!fresh) return;
        refresh(groupOfLink(notification.link)?.groupId);
        // Once in a window, also when the page is loaded again.
        if (Number(notification.id) <= Number(sessionStorage.getItem('pek.told'))) return;
        sessionStorage.setItem('pek.told', notification.id);
        void named(notification).then((told) => tell(sentenceOf(texts, told)));
      },
      onEnd: (error) => {
        if (error instanceof PekError && error.kind === 'signedOut') void client.invalidateQueries(loginQuery);
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [signedIn, client, texts]);
}
