// The manifests of deploy/kubernetes as a cluster gets them: rendered by kustomize, held against the schemas by kubeconform, and asked
// what schemas do not know. `./dev test --deploy` makes the tools; what is not there is skipped, and says so.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { parse, parseAllDocuments, stringify } = createRequire(path.join(root, 'tests/e2e/package.json'))('yaml');
const overlays = path.join(root, 'deploy/kubernetes/overlays');
const tools = path.join(root, '.pek/bin/tools');
const schemas = path.join(root, '.pek/kubernetes/schemas');
const definitions = path.join(root, '.pek/kubernetes/definitions');
const programs = path.join(root, '.pek/bin/release');
const clusterVersions = ['1.30.0', '1.37.0']; // preStop.sleep came with 1.30

const missing = (file) => !existsSync(file) && `${file} is not there`;
const folder = mkdtempSync(path.join(tmpdir(), 'pek-kubernetes-'));
after(() => rmSync(folder, { recursive: true }));

const render = (overlay) =>
  execFileSync(path.join(tools, 'kustomize'), ['build', path.join(overlays, overlay)], { encoding: 'utf8' });

// ---- what is in them ---------------------------------------------------------------------------------------

/** What has pods, with the template of its pods. */
const podOwners = (objects) =>
  objects.filter((o) => ['Deployment', 'Job'].includes(o.kind)).map((o) => ({ owner: o, pod: o.spec.template }));
const labelsMatch = (labels, selector) =>
  Object.entries(selector?.matchLabels ?? {}).every(([name, value]) => labels[name] === value);
const nameOf = ({ owner }) => `${owner.kind} ${owner.metadata.name}`;
const isServing = (pod) => pod.metadata.labels['app.kubernetes.io/component'] === 'serve';
const isWorker = (pod) => pod.metadata.labels['app.kubernetes.io/name'] === 'pek-worker';
const settingsOf = (objects, container) => ({
  ...Object.assign(
    {},
    ...(container.envFrom ?? []).map(
      (from) => objects.find((o) => o.kind === 'ConfigMap' && o.metadata.name === from.configMapRef.name).data,
    ),
  ),
  ...Object.fromEntries((container.env ?? []).map((e) => [e.name, e.value])),
});

// ---- what goes through the network policies ------------------------------------------------------------------

/** Whether a policy's peers include somebody: `{ labels, namespace }`, of which those of this namespace have none. */
const includes = (peers, who) =>
  peers === undefined ||
  peers.some((peer) => {
    if (peer.ipBlock) return who.outside === true;
    if (who.outside) return false;
    const namespace = peer.namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name'];
    return (
      (peer.namespaceSelector ? who.namespace === namespace : who.namespace === undefined) &&
      labelsMatch(who.labels ?? {}, peer.podSelector)
    );
  });
const hasPort = (ports, names) => ports === undefined || ports.some((p) => names.includes(p.port));

const allows = (policies, pod, direction, who, portNames) => {
  const ruled = policies.filter(
    (p) => p.spec.policyTypes.includes(direction) && labelsMatch(pod.metadata.labels, p.spec.podSelector),
  );
  assert.ok(ruled.length > 0, `no policy rules ${direction} of ${JSON.stringify(pod.metadata.labels)}`);
  return ruled.some((p) =>
    (direction === 'Ingress' ? p.spec.ingress : p.spec.egress)?.some(
      (rule) => includes(direction === 'Ingress' ? rule.from : rule.to, who) && hasPort(rule.ports, portNames),
    ),
  );
};

// ---- the schemas of what others define -------------------------------------------------------------------------

/** As the cluster prunes: what a schema does not name is a mistake. */
const strict = (schema) => {
  if (schema === null || typeof schema !== 'object') return schema;
  if (Array.isArray(schema)) return schema.map(strict);
  const made = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, strict(value)]));
  if (made.properties && !made.additionalProperties && !made['x-kubernetes-preserve-unknown-fields'])
    made.additionalProperties = false;
  return made;
};

const writeDefinitions = () => {
  for (const file of readdirSync(definitions)) {
    const { spec } = parse(readFileSync(path.join(definitions, file), 'utf8'));
    for (const version of spec.versions) {
      const schema = strict(version.schema.openAPIV3Schema);
      schema.properties.metadata = { type: 'object' };
      mkdirSync(path.join(folder, spec.group), { recursive: true });
      writeFileSync(
        path.join(folder, spec.group, `${spec.names.kind.toLowerCase()}_${version.name}.json`),
        JSON.stringify(schema),
      );
    }
  }
};

const conform = (manifests, version) =>
  spawnSync(
    path.join(tools, 'kubeconform'),
    [
      '-strict',
      '-summary',
      ...['-kubernetes-version', version],
      ...['-schema-location', `${schemas}/{{.NormalizedKubernetesVersion}}-local{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json`],
      ...['-schema-location', `${folder}/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`],
    ],
    { input: manifests, encoding: 'utf8' },
  );

// ---- the tests -----------------------------------------------------------------------------------------------

const noKustomize = missing(path.join(tools, 'kustomize'));
const noSchemas = missing(path.join(tools, 'kubeconform')) || missing(schemas) || missing(definitions);

for (const [overlay, realms] of [
  ['small', ['worker-acme']],
  ['three-realms', ['worker-acme', 'worker-conference', 'worker-sports']],
]) {
  describe(`overlay ${overlay}`, { skip: noKustomize }, () => {
    const text = noKustomize ? '' : render(overlay);
    const objects = parseAllDocuments(text).map((document) => document.toJS());
    const of = (kind) => objects.filter((o) => o.kind === kind);
    const owners = podOwners(objects);
    const policies = of('NetworkPolicy');

    for (const version of clusterVersions)
      test(`conforms to the schemas of Kubernetes ${version}`, { skip: noSchemas }, () => {
        writeDefinitions();
        const said = conform(text, version);
        assert.equal(said.status, 0, said.stdout + said.stderr);
        assert.match(said.stdout, new RegExp(`Valid: ${objects.length}, Invalid: 0, Errors: 0, Skipped: 0`));
      });

    test('has each realm, by its own name everywhere', () => {
      const workers = owners.filter(({ owner, pod }) => owner.kind === 'Deployment' && isWorker(pod));
      assert.deepEqual(workers.map(({ owner }) => owner.metadata.name).sort(), realms);
      assert.doesNotMatch(text.replaceAll('PEK_REALM', '').replaceAll('PEK_LOCAL_REALM', ''), /REALM/);
      for (const { owner, pod } of workers) {
        const realm = owner.metadata.name;
        assert.equal(settingsOf(objects, pod.spec.containers[0]).PEK_REALM, realm);
        for (const volume of pod.spec.volumes.filter((v) => v.secret))
          assert.ok(volume.secret.secretName.startsWith(`${realm}.`), `${realm} has ${volume.secret.secretName}`);
      }
    });

    test('gives no program more than it needs', () => {
      assert.ok(owners.length >= 2 * (realms.length + 1));
      for (const it of owners) {
        const { spec } = it.pod;
        assert.equal(spec.securityContext.runAsNonRoot, true, nameOf(it));
        assert.notEqual(spec.securityContext.runAsUser, 0, nameOf(it));
        assert.equal(spec.securityContext.seccompProfile.type, 'RuntimeDefault', nameOf(it));
        assert.equal(spec.automountServiceAccountToken, false, nameOf(it));
        // The programs refuse variables PEK_… that they do not know, and a cluster makes such for each Service.
        assert.equal(spec.enableServiceLinks, false, nameOf(it));
        assert.ok(!spec.hostNetwork && !spec.hostPID && !spec.hostIPC, nameOf(it));
        for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
          assert.deepEqual(
            container.securityContext,
            { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
            nameOf(it),
          );
          assert.ok(container.resources.requests.memory && container.resources.limits.memory, nameOf(it));
          assert.ok(!container.image.endsWith(':latest') && container.image.includes(':'), nameOf(it));
        }
        for (const volume of spec.volumes) assert.ok(volume.secret || volume.configMap, `${nameOf(it)}: ${volume.name}`);
      }
    });

    test('has secrets in files, and only what owns the tables where they are migrated', () => {
      for (const it of owners) {
        for (const container of it.pod.spec.containers) {
          for (const variable of container.env ?? []) assert.ok(!variable.valueFrom, `${nameOf(it)}: ${variable.name}`);
          for (const from of container.envFrom ?? []) assert.ok(from.configMapRef, nameOf(it));
          for (const name of Object.keys(settingsOf(objects, container)))
            assert.doesNotMatch(name, /DATABASE|REDIS_URL/, `${nameOf(it)}: ${name} has a password in it`);
        }
        const secrets = it.pod.spec.volumes.filter((v) => v.secret);
        for (const { secret } of secrets) assert.equal(secret.defaultMode, 0o440, `${nameOf(it)}: ${secret.secretName}`);
        assert.equal(secrets.some(({ secret }) => secret.secretName.endsWith('.owner')), it.owner.kind === 'Job', nameOf(it));
      }
      assert.equal(of('Secret').length, 0);
    });

    test('asks every server how it is, and lets it finish', () => {
      for (const it of owners.filter(({ pod }) => isServing(pod))) {
        const [container] = it.pod.spec.containers;
        const ports = container.ports.map((p) => p.name);
        for (const [probe, page] of [['startupProbe', '/healthz'], ['livenessProbe', '/healthz'], ['readinessProbe', '/readyz']]) {
          assert.equal(container[probe].httpGet.path, page, nameOf(it));
          assert.ok(ports.includes(container[probe].httpGet.port), nameOf(it));
        }
        const drainSeconds = isWorker(it.pod) ? 10 : 20;
        assert.ok(
          it.pod.spec.terminationGracePeriodSeconds > drainSeconds + container.lifecycle.preStop.sleep.seconds,
          nameOf(it),
        );
      }
    });

    test('says of every server how many may be away, and migrates each of them', () => {
      for (const it of owners.filter(({ owner }) => owner.kind === 'Deployment')) {
        const budgets = of('PodDisruptionBudget').filter((b) => labelsMatch(it.pod.metadata.labels, b.spec.selector));
        assert.equal(budgets.length, 1, nameOf(it));
        assert.equal(owners.filter(({ pod }) => labelsMatch(pod.metadata.labels, budgets[0].spec.selector)).length, 1);
        assert.ok(labelsMatch(it.pod.metadata.labels, it.owner.spec.selector), nameOf(it));
        assert.equal(owners.filter(({ pod }) => labelsMatch(pod.metadata.labels, it.owner.spec.selector)).length, 1, nameOf(it));
        assert.ok(of('Job').some((job) => job.metadata.name === it.owner.metadata.name), `${nameOf(it)} is not migrated`);
      }
      const [scaler] = of('HorizontalPodAutoscaler');
      assert.equal(scaler.spec.scaleTargetRef.name, 'hub');
      assert.equal(of('Deployment').find((d) => d.metadata.name === 'hub').spec.replicas, undefined);
    });

    test('lets hubs to workers, and nobody else anywhere', () => {
      const portsOf = (pod) => (pod.spec.containers[0].ports ?? []).flatMap((p) => [p.name, p.containerPort]);
      const ways = [];
      for (const from of owners)
        for (const to of owners) {
          const out = allows(policies, from.pod, 'Egress', { labels: to.pod.metadata.labels }, portsOf(to.pod));
          const into = allows(policies, to.pod, 'Ingress', { labels: from.pod.metadata.labels }, portsOf(to.pod));
          if (out && into) ways.push(`${nameOf(from)} -> ${nameOf(to)}`);
        }
      assert.deepEqual(ways.sort(), realms.map((realm) => `Deployment hub -> Deployment ${realm}`));
      for (const it of owners) {
        const serves = isServing(it.pod);
        const comesIn = (who, port) => allows(policies, it.pod, 'Ingress', who, [port]);
        const goesOut = (who, port) => allows(policies, it.pod, 'Egress', who, [port]);
        assert.equal(comesIn({ outside: true }, 'https'), serves && !isWorker(it.pod), nameOf(it));
        assert.ok(!comesIn({ outside: true }, 'grpc') && !comesIn({ namespace: 'monitoring' }, 'grpc'), nameOf(it));
        assert.equal(comesIn({ namespace: 'monitoring' }, 'metrics'), serves && isWorker(it.pod), nameOf(it));
        assert.ok(!comesIn({ namespace: 'other' }, 'metrics'), nameOf(it));
        assert.ok(goesOut({ namespace: 'kube-system' }, 53), nameOf(it));
        assert.ok(goesOut({ namespace: 'postgresql' }, 5432) || goesOut({ outside: true }, 5432), nameOf(it));
        assert.equal(goesOut({ outside: true }, 443), serves && !isWorker(it.pod), nameOf(it));
      }
    });

    test('has a certificate for each program, that says who it is and no more', () => {
      const certificates = of('Certificate');
      const made = Object.fromEntries(certificates.map((c) => [c.spec.secretName, c.spec]));
      assert.equal(Object.keys(made).length, certificates.length, 'a secret is made twice');
      for (const realm of realms) {
        assert.deepEqual(made[`${realm}.tls`].dnsNames, [realm]);
        assert.deepEqual(made[`${realm}.tls`].usages, ['digital signature', 'server auth']);
      }
      assert.deepEqual(made['hub.tls'].usages, ['digital signature', 'client auth']);
      assert.ok(made['hub.https'].dnsNames.includes(new URL(settingsOf(objects, of('Deployment').find((d) => d.metadata.name === 'hub').spec.template.spec.containers[0]).PEK_PUBLIC_URL).host));
      // What is mounted as a certificate is made.
      for (const it of owners)
        for (const { secret } of it.pod.spec.volumes.filter((v) => /^(tls|https)$/.test(v.name)))
          assert.ok(made[secret.secretName], `${nameOf(it)}: nobody makes ${secret.secretName}`);
    });

    test('names each worker to the hubs where it is, and to whoever reads metrics', () => {
      const hub = owners.find(({ owner }) => owner.metadata.name === 'hub' && owner.kind === 'Deployment');
      const instances = settingsOf(objects, hub.pod.spec.containers[0]).PEK_INSTANCES.split(',');
      assert.deepEqual(instances, realms.map((realm) => `${realm}=dns:///${realm}:7101`));
      for (const service of of('Service')) {
        const behind = owners.filter(({ pod }) => labelsMatch(pod.metadata.labels, { matchLabels: service.spec.selector }));
        assert.equal(behind.length, 1, service.metadata.name);
        const ports = behind[0].pod.spec.containers[0].ports.map((p) => p.name);
        for (const port of service.spec.ports) assert.ok(ports.includes(port.targetPort), service.metadata.name);
        const monitors = of('ServiceMonitor').filter((m) => labelsMatch(service.metadata.labels, m.spec.selector));
        assert.equal(monitors.length, 1, service.metadata.name);
        const [endpoint] = monitors[0].spec.endpoints;
        assert.ok(service.spec.ports.some((p) => p.name === endpoint.port));
        // As the rules of alerts.yml have them.
        const scraped = parse(readFileSync(path.join(root, 'deploy/prometheus/prometheus.yml'), 'utf8')).scrape_configs.find(
          (job) => job.job_name === service.metadata.labels[monitors[0].spec.jobLabel],
        );
        assert.ok(scraped, service.metadata.name);
        assert.equal(
          'realm' in (scraped.static_configs[0].labels ?? {}),
          endpoint.relabelings?.[0].targetLabel === 'realm',
          service.metadata.name,
        );
        for (const { sourceLabels } of endpoint.relabelings ?? [])
          assert.deepEqual(
            sourceLabels,
            Object.keys(service.metadata.labels)
              .filter((name) => service.metadata.labels[name] === service.metadata.name)
              .map((name) => `__meta_kubernetes_service_label_${name.replace(/[^a-zA-Z0-9]/g, '_')}`),
          );
        if (service.metadata.name !== 'hub') assert.equal(service.spec.clusterIP, 'None');
      }
    });

    test('is of the version of the programs', { skip: missing(path.join(programs, 'pek-hub')) }, () => {
      const version = execFileSync(path.join(programs, 'pek-hub'), ['--version'], { encoding: 'utf8' }).trim().split(' ').at(-1);
      for (const it of owners) assert.ok(it.pod.spec.containers[0].image.endsWith(`:${version}`), nameOf(it));
    });

    test('says nothing to the programs that they do not know', { skip: missing(path.join(programs, 'pek-hub')) }, () => {
      const file = path.join(folder, 'database.conf');
      writeFileSync(file, 'database = host=/nonexistent\ndatabase_owner = host=/nonexistent\n');
      for (const it of owners)
        for (const container of it.pod.spec.containers) {
          const [program, , , command] = container.command;
          // A migration gets as far as the database, which is not there; what serves has all the settings that it must have.
          const said = spawnSync(
            path.join(programs, path.basename(program)),
            ['--config', file, command === 'migrate' ? command : '--print-config'],
            { env: settingsOf(objects, container), encoding: 'utf8' },
          );
          if (command === 'migrate') assert.match(said.stdout + said.stderr, /connection to server on socket/, nameOf(it));
          else assert.equal(said.status, 0, `${nameOf(it)}: ${said.stdout}${said.stderr}`);
        }
    });
  });
}

test('a mistake in a manifest is found', { skip: noKustomize || noSchemas }, () => {
  writeDefinitions();
  const objects = parseAllDocuments(render('small')).map((document) => document.toJS());
  const breaks = [
    ['Deployment', (o) => (o.spec.template.spec.containers[0].securityContext.readOnlyRootFilesytem = true)],
    ['NetworkPolicy', (o) => (o.spec.policyTypes = 'Ingress')],
    ['Certificate', (o) => (o.spec.dnsName = 'x')],
    ['ServiceMonitor', (o) => delete o.spec.selector],
  ];
  for (const [kind, mistake] of breaks) {
    const object = structuredClone(objects.find((o) => o.kind === kind));
    mistake(object);
    assert.equal(conform(stringify(object), clusterVersions[0]).status, 1, kind);
  }
});
