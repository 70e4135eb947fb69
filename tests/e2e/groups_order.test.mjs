// Lists over all realms: one Hungarian order, whatever the page size.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realms, theFederation } from './lib/federation.mjs';
import { login, nameOf, walk } from './lib/http.mjs';

describe('the list of groups', () => {
  const federation = theFederation();
  let alice;
  let whole;

  before(async () => {
    alice = await login(federation.port, 'alice');
    whole = await walk(alice, '/api/v1/groups', 100);
  });
  after(() => alice.close());

  it('has groups of all three realms on its first page of a hundred', async () => {
    const page = await alice.get('/api/v1/groups?pageSize=100');
    assert.equal(page.status, 200);
    assert.deepEqual([...new Set(page.json.groups.map((group) => group.realm))].sort(), realms);
    assert.deepEqual(page.json.unreachable, []);
    assert.deepEqual(page.json.federation.instances.map((leg) => leg.realm).sort(), realms);
    for (const leg of page.json.federation.instances) assert.equal(leg.outcome, 'OK');
  });

  it('is in the order of the stored sort keys of all realms together', () => {
    assert.deepEqual(whole.map(nameOf), federation.visibleEverywhere('alice').map(nameOf));
  });

  // Another implementation of ICU's order. Where it sees no difference (punctuation is ignored at all levels),
  // ids decide, so equal neighbours are allowed and smaller ones are not.
  it('is Hungarian order for a collator that is not ours', () => {
    const hungarian = new Intl.Collator('hu', { ignorePunctuation: true, numeric: true });
    for (let i = 1; i < whole.length; i++) {
      const [a, b] = [whole[i - 1].name, whole[i].name];
      assert.ok(hungarian.compare(a, b) <= 0, `"${a}" comes before "${b}"`);
    }
  });

  it('has digraphs and accents where Hungarian has them', () => {
    const place = (name) => {
      const at = whole.findIndex((group) => group.name === name);
      assert.ok(at >= 0, `${name} is in the demo data`);
      return at;
    };
    assert.ok(place('Czukor Társaság') < place('Csocsó Kör'), 'cs is a letter after c');
    assert.ok(place('Zuhany Híradó') < place('Zsolt Emléktorna'), 'zs is a letter after z');
    assert.ok(place('Olasz Paradicsom') < place('Örök Zöld'), 'ö comes after o');
    assert.ok(place('Alma Fa Kör') < place('Árok Part'), 'á is compared as a');
    assert.ok(place('.-B') < place('c++'), 'punctuation is ignored');
  });

  for (const size of [1, 7, 20, 100]) {
    it(`is the same list in pages of ${size}`, async () => {
      const walked = await walk(alice, '/api/v1/groups', size);
      assert.deepEqual(walked.map(nameOf), whole.map(nameOf));
    });
  }

  it('finds words of the name without regard to case and accents', async () => {
    const page = await alice.get(`/api/v1/groups?q=${encodeURIComponent('OROK zold')}`);
    assert.deepEqual(page.json.groups.map((group) => group.name), ['Örök Zöld']);
  });

  it('treats what is special in SQL as letters of the search', async () => {
    for (const q of ['%', '_', "'", '\\', '100%']) {
      const page = await alice.get(`/api/v1/groups?q=${encodeURIComponent(q)}`);
      assert.equal(page.status, 200, q);
      for (const group of page.json.groups) assert.ok(group.name.includes(q), `${group.name} for ${q}`);
    }
  });

  it('keeps to a purpose and to a parent', async () => {
    const sport = await walk(alice, '/api/v1/groups?purpose=SPORT', 100);
    assert.ok(sport.length > 0);
    assert.deepEqual(sport.map(nameOf), whole.filter((group) => group.purpose === 'SPORT').map(nameOf));
    const parent = encodeURIComponent('kir-dev@kir-dev');
    const children = await walk(alice, `/api/v1/groups?parentId=${parent}`, 100);
    assert.ok(children.length > 0);
    assert.deepEqual(children.map(nameOf), whole.filter((group) => group.parentId === 'kir-dev@kir-dev').map(nameOf));
  });

  it('has archived groups only when asked', async () => {
    assert.ok(whole.every((group) => !group.isArchived));
    const all = await walk(alice, '/api/v1/groups?includeArchived=true', 100);
    assert.deepEqual(all.map(nameOf), federation.visibleEverywhere('alice', { archived: true }).map(nameOf));
    assert.ok(all.some((group) => group.isArchived));
  });

  it('of one realm has only that realm’s', async () => {
    const walked = await walk(alice, '/api/v1/realms/worker-conference/groups', 7);
    assert.deepEqual(walked.map(nameOf), whole.filter((group) => group.realm === 'worker-conference').map(nameOf));
  });

  it('never shows a sort key', async () => {
    const page = await alice.get('/api/v1/groups?pageSize=100');
    assert.ok(!/sort_?key/i.test(page.text));
  });
});
