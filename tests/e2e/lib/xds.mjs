// A control plane of xDS: one client's listener, route, cluster and endpoints for each name, by the aggregated stream (ADS) of all states, with
// the messages that Envoy publishes.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const folderOf = (name) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
const folders = [folderOf('protobufjs'), ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate']
  .map((name) => join(folderOf('@grpc/grpc-js-xds'), 'deps', name))];

function load(...files) {
  const root = new protobuf.Root();
  root.resolvePath = (_, file) => folders.map((folder) => join(folder, file)).find(existsSync) ?? file;
  return root.loadSync(files);
}

const root = load('envoy/service/discovery/v3/discovery.proto', 'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto', 'envoy/config/cluster/v3/cluster.proto', 'envoy/config/endpoint/v3/endpoint.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/filters/http/router/v3/router.proto');

function pack(name, fields) {
  const type = root.lookupType(name);
  return { type_url: `type.googleapis.com/${name}`, value: type.encode(type.fromObject(fields)).finish() };
}

const ads = { ads: {}, resourceApiVersion: 'V3' };
const kinds = {
  'envoy.config.listener.v3.Listener': (name) => ({
    name, apiListener: { apiListener: pack('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      rds: { configSource: ads, routeConfigName: name },
      httpFilters: [{ name: 'router', typedConfig: pack('envoy.extensions.filters.http.router.v3.Router', {}) }],
    }) } }),
  'envoy.config.route.v3.RouteConfiguration': (name) => ({
    name, virtualHosts: [{ name, domains: ['*'], routes: [{ match: { prefix: '' }, route: { cluster: name } }] }] }),
  'envoy.config.cluster.v3.Cluster': (name) => ({
    name, type: 'EDS', edsClusterConfig: { edsConfig: ads, serviceName: name }, lbPolicy: 'ROUND_ROBIN' }),
  'envoy.config.endpoint.v3.ClusterLoadAssignment': (name, addresses) => ({
    clusterName: name, endpoints: [{ locality: { region: 'r', zone: 'z' }, loadBalancingWeight: { value: 1 },
      lbEndpoints: addresses.map(([address, portValue]) => ({ endpoint: { address: { socketAddress: { address, portValue } } } })) }] }),
};

const discovery = (name) => root.lookupType(`envoy.service.discovery.v3.${name}`);
const ADS = { StreamAggregatedResources: {
  path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources', requestStream: true, responseStream: true,
  requestDeserialize: (bytes) => discovery('DiscoveryRequest').toObject(discovery('DiscoveryRequest').decode(bytes), { defaults: true }),
  responseSerialize: (fields) => Buffer.from(discovery('DiscoveryResponse').encode(discovery('DiscoveryResponse').fromObject(fields)).finish()),
} };

// `targets` has the addresses of each name, [[host, port], …]; set() changes those of one. `refused` has what a client did not accept.
export async function startControlPlane(targets) {
  const server = new grpc.Server();
  const streams = new Set();
  const refused = [];
  let version = 1;

  function send(stream, kind) {
    const names = stream.asked.get(kind).filter((name) => targets[name]);
    stream.write({ versionInfo: String(version), nonce: `${version}`, typeUrl: `type.googleapis.com/${kind}`,
      resources: names.map((name) => pack(kind, kinds[kind](name, targets[name]))) });
  }
  server.addService(ADS, { StreamAggregatedResources(stream) {
    stream.asked = new Map();
    streams.add(stream);
    stream.on('data', ({ typeUrl, resourceNames, errorDetail, responseNonce }) => {
      const kind = typeUrl.slice(typeUrl.indexOf('/') + 1);
      if (errorDetail) refused.push(`${kind}: ${errorDetail.message}`);
      // The same names again, with a nonce, say that the answer was taken.
      const known = stream.asked.get(kind);
      if (!kinds[kind] || (responseNonce && known?.join() === resourceNames.join())) return;
      stream.asked.set(kind, resourceNames);
      if (resourceNames.length) send(stream, kind);
    });
    for (const last of ['end', 'error', 'cancelled']) stream.on(last, () => streams.delete(stream));
  } });
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
  return {
    port, refused, streams,
    set(name, addresses) {
      targets[name] = addresses;
      version++;
      for (const stream of streams) send(stream, 'envoy.config.endpoint.v3.ClusterLoadAssignment');
    },
    close: () => server.forceShutdown(),
    bootstrap: JSON.stringify({ node: { id: 'pek-hub' }, xds_servers: [
      { server_uri: `127.0.0.1:${port}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }] }),
  };
}
