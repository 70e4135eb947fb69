// Magáról a rendszerről szóló szövegek magyarul; az oldalaikkal együtt töltődnek be.
import type { SystemTexts } from './system';

export const hu: SystemTexts = {
  instances: {
    askDrain: (realm) => `Leállítod ide a kéréseket: ${realm}?`,
    calls: 'Hívások',
    drain: 'Leállítás',
    drainText: 'A hub nem küld neki újat, és a listák hiányzóként nevezik meg, amíg vissza nem veszed.',
    drained: (realm) => `${realm} nem kap új kéréseket.`,
    errors: 'Sikertelen hívások',
    latency: 'Válaszidő (100-ból 95)',
    noMetrics: 'A hub mérőszámai ezen a címen nem látszanak, ezért nincsenek ábrák.',
    none: 'Nincs bejegyzett példány',
    since: (ago) => `állapot: ${ago}`,
    statuses: {
      SERVING: 'Működik',
      NOT_SERVING: 'Nem áll készen',
      UNREACHABLE: 'Nem elérhető',
      DRAINING: 'Leáll',
      REFUSED: 'Elutasítva',
    },
    text: 'Amit a hub az egyes példányokról tud, és amit belőlük lát, amíg nézed.',
    undrain: 'Visszavétel',
    undrained: (realm) => `${realm} újra kap kéréseket.`,
    version: (version) => `${version || '?'} verzió`,
  },

  docs: {
    guest: 'Nem vagy belépve: szinte mindenre, amit kipróbálsz, 401 a válasz.',
    text: 'A HTTP API minden művelete, a hub szerződéseiből. Amit itt kipróbálsz, tényleg megtörténik, a te nevedben.',
    title: 'API-leírás',
    document: 'A leírás eszközöknek',
  },
};
