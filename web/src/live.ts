// What is told to the user, as it happens: one stream for all tabs of the site, which goes on by itself after a break.
import { answer, PekError } from '@pek/client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { groupOfLink, loginQuery, newestQuery, pek, sessionQuery, type Notification } from './api';
import { tell } from './parts/toasts';
import { eventsOfTabs } from './tabs';
import { useTexts } from './texts';
import { sentenceOf } from './parts/notification';

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
  const latestTexts = useRef(texts);
  useEffect(() => void (latestTexts.current = texts), [texts]);
  const { data: newest } = useQuery({ ...newestQuery, enabled: signedIn });

  useEffect(() => {
    if (!signedIn || newest === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ofGroups = false;
    // Many may come at once: what is shown is asked for again when they have come.
    const refresh = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        void client.invalidateQueries({ queryKey: ['notifications'] });
        if (!ofGroups) return;
        ofGroups = false;
        void client.invalidateQueries({ queryKey: ['memberships'] });
        void client.invalidateQueries({ queryKey: ['group'] });
        void client.invalidateQueries({ queryKey: ['waiting'] });
        // Rights may have come or gone with it.
        void client.invalidateQueries({ queryKey: ['may'] });
        void client.invalidateQueries(sessionQuery);
      }, 150);
    };
    // The stream begins with what was there when the page was opened. Ids tell it from news, and no clock: that of the user may be wrong.
    let last = newest;
    const stop = eventsOfTabs<Notification>('/api/v1/notifications?unseen=true', {
      onItem: (notification) => {
        const id = Number(notification.id);
        if (id <= last) return;
        last = id;
        ofGroups ||= groupOfLink(notification.link) !== undefined;
        refresh();
        void named(notification).then((told) => tell(sentenceOf(latestTexts.current, told)));
      },
      onEnd: (error) => {
        if (error instanceof PekError && error.kind === 'signedOut') void client.invalidateQueries(loginQuery);
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [signedIn, newest, client]);
}
