// What /metrics says of each realm, and what happened between two looks at it.

/** Of a realm, counted since the hub began. */
export interface RealmCounts {
  ok: number;
  /** That the realm was not there, too slow, or talked nonsense; a refusal is an answer. */
  failed: number;
  /** How many calls took at most so many seconds, by the bound; ascending. */
  buckets: [number, number][];
}

export interface RealmRates {
  callsPerSecond: number;
  failedShare: number;
  /** Milliseconds within which 95 of 100 calls were answered; undefined without calls. */
  p95Ms: number | undefined;
}

const failures = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'DATA_LOSS', 'INTERNAL', 'UNKNOWN']);

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="((?:\\.|[^"\\])*)"/g)].map(([, name, value]) => [name, value]));
}

export function readMetrics(text: string): Map<string, RealmCounts> {
  const realms = new Map<string, RealmCounts>();
  for (const line of text.split('\n')) {
    const [, name, inner = '', number] = /^(pek_hub_realm_\w+)\{([^}]*)\} (\S+)$/.exec(line) ?? [];
    const labels = labelsOf(inner);
    const realm = labels['realm'];
    if (name === undefined || realm === undefined) continue;
    const counts = realms.get(realm) ?? { ok: 0, failed: 0, buckets: [] };
    realms.set(realm, counts);
    if (name === 'pek_hub_realm_calls_total') {
      if (failures.has(labels['status'] ?? '')) counts.failed += Number(number);
      else counts.ok += Number(number);
    } else if (name === 'pek_hub_realm_seconds_bucket') {
      counts.buckets.push([labels['le'] === '+Inf' ? Infinity : Number(labels['le']), Number(number)]);
    }
  }
  for (const { buckets } of realms.values()) buckets.sort(([a], [b]) => a - b);
  return realms;
}

/** As Prometheus' histogram_quantile: linear within the bucket. */
function quantile(share: number, buckets: [number, number][]): number | undefined {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = share * total;
  let below = 0;
  let begin = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (bound === Infinity) return begin;
      return count === below ? bound : begin + ((bound - begin) * (rank - below)) / (count - below);
    }
    below = count;
    begin = bound;
  }
  return begin;
}

/** Between two looks. A hub that was restarted counts from 0: what it says then is what happened since. */
export function ratesOf(before: RealmCounts | undefined, now: RealmCounts, seconds: number): RealmRates {
  const restarted = !before || now.ok < before.ok || now.failed < before.failed;
  const base = restarted ? undefined : before;
  const ok = now.ok - (base?.ok ?? 0);
  const failed = now.failed - (base?.failed ?? 0);
  const buckets = now.buckets.map(([bound, count], i): [number, number] => [bound, count - (base?.buckets[i]?.[1] ?? 0)]);
  const p95 = quantile(0.95, buckets);
  return {
    callsPerSecond: (ok + failed) / seconds,
    failedShare: ok + failed > 0 ? failed / (ok + failed) : 0,
    p95Ms: p95 === undefined ? undefined : p95 * 1000,
  };
}
