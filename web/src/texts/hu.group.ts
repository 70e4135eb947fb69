import type { GroupTexts } from './group';

/** „a” vagy „az” a szó elé. */
const az = (word: string) => `${/^\P{L}*[aáeéiíoóöőuúüű15]/iu.test(word) ? 'az' : 'a'} ${word}`;

export const hu: GroupTexts = {
  endsBelow: 'Így lesz az alatta lévő körökben is, ahol semmi sem jön vissza magától.',
  actors: { system: 'a rendszer', operator: 'egy üzemeltető' },
  actions: {
    'group.archive': 'A kör archiválása',
    'group.configure': 'Beállítások módosítása',
    'group.create': 'A kör létrehozása',
    'group.handOver': 'A kör átadása neki:',
    'group.layDown': 'Nem vezeti tovább az archivált kört:',
    'group.move': 'A kör áthelyezése',
    'group.unarchive': 'A kör visszaállítása',
    'group.update': 'A kör adatlapjának módosítása',
    'membership.accept': 'Felvétel:',
    'membership.add': 'Felvétel jelentkezés nélkül:',
    'membership.apply': 'Jelentkezés:',
    'membership.archive': 'Tagság archiválása:',
    'membership.found': 'Első tag:',
    'membership.givePost': 'Poszt adása neki:',
    'membership.inactivate': 'Öreggé avatás:',
    'membership.leave': 'Kilépés:',
    'membership.leaveOrganisation': 'Tagság vége a szervezettel együtt:',
    'membership.merge': 'Egy ember két fiókjának egyesítése:',
    'membership.promote': 'Teljes jogú tag:',
    'membership.reactivate': 'Újra aktív:',
    'membership.reject': 'Elutasítás:',
    'membership.setDates': 'Napok beállítása:',
    'membership.setFlairs': 'Szavak a tagról:',
    'membership.takePost': 'Poszt elvétele tőle:',
    'membership.unarchive': 'Tagság visszaállítása:',
    'membership.withdraw': 'Jelentkezés visszavonása:',
    'postType.create': 'Új posztfajta',
    'postType.delete': 'Posztfajta törlése',
  },
  ask: {
    application: (name) => `Archiválod ${name} jelentkezését?`,
    archive: (name) => `Archiválod ${az(name)} nevű tag tagságát?`,
    inactivate: (name) => `${name} legyen öregtag?`,
    handOver: (name) => `Átadod a kört neki: ${name}?`,
  },
  why: {
    archive: 'Nem látszik többé a tagok között, és megszűnnek a posztjai. Visszavonható.',
    inactivate: 'Öregtagként a körrel marad, posztok nélkül. Visszavonható.',
    handOver: 'Mostantól ő vezeti. Aki eddig vezette, tag lesz, és nem veheti vissza.',
  },
};
