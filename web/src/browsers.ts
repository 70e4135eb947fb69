// What a browser says that it is, in two names: only for people, who know their browsers by them.

/** The first that fits: most say the names of others too. */
const browsers: [string, RegExp][] = [
  ['Edge', /Edg(e|A|iOS)?\//],
  ['Opera', /OPR\//],
  ['Samsung Internet', /SamsungBrowser\//],
  ['Firefox', /(Firefox|FxiOS)\//],
  ['Chrome', /(Chrome|CriOS)\//],
  ['Safari', /Safari\//],
];
const systems: [string, RegExp][] = [
  ['Android', /Android/],
  ['iPhone', /iPhone/],
  ['iPad', /iPad/],
  ['Windows', /Windows/],
  ['ChromeOS', /CrOS/],
  ['macOS', /Mac OS X/],
  ['Linux', /Linux|X11/],
];

const nameOf = (agent: string, among: [string, RegExp][]) => among.find(([, fits]) => fits.test(agent))?.[0];

/** "Firefox · Linux"; what it says itself, when no name is known; '' when it said nothing. */
export function browserName(userAgent: string): string {
  const browser = nameOf(userAgent, browsers);
  const system = nameOf(userAgent, systems);
  return browser ? [browser, ...(system ? [system] : [])].join(' · ') : userAgent.slice(0, 60);
}
