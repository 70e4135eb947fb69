// Texts about the system itself in English, for who looks after it or writes a program; they come with their pages.
export const en = {
  instances: {
    askDrain: (realm: string) => `Drain ${realm}?`,
    calls: 'Calls',
    drain: 'Drain',
    drainText: 'The hub sends it nothing new, and lists name it as missing, until it is taken back.',
    drained: (realm: string) => `${realm} is being drained.`,
    errors: 'Calls that failed',
    latency: 'Answers within (95 of 100)',
    noMetrics: 'The numbers of the hub are not shown at this address, so there are no plots.',
    none: 'No realm is registered',
    since: (ago: string) => `status: ${ago}`,
    statuses: {
      SERVING: 'Works',
      NOT_SERVING: 'Not ready',
      UNREACHABLE: 'Not reachable',
      DRAINING: 'Drains',
      REFUSED: 'Refused',
    },
    text: 'What the hub knows of each realm, and what it sees of them while you look.',
    undrain: 'Take back',
    undrained: (realm: string) => `${realm} is asked again.`,
    version: (version: string) => `version ${version || '?'}`,
  },

  docs: {
    guest: 'You are not logged in: almost all that you try is refused with 401.',
    text: 'Every method of the HTTP API, made from the contracts that the hub serves. What you try here is done for real, as you.',
    title: 'API reference',
    document: 'The document, for tools',
  },
};
