// /openapi.json as something that answers are held against.
import assert from 'node:assert/strict';
import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const verbs = ['get', 'put', 'post', 'delete', 'patch'];
// Of every answer, whatever it says.
const everywhere = new Set(['connection', 'keep-alive', 'date', 'server', 'content-type', 'content-length', 'cache-control', 'vary',
  'transfer-encoding', 'x-request-id', 'traceparent', 'x-content-type-options', 'referrer-policy', 'strict-transport-security',
  'content-security-policy', 'x-frame-options', 'allow', 'content-encoding', 'x-accel-buffering']);

export class ApiDocument {
  operations = new Map(); // by operationId: {path, verb, operation}
  seen = new Map(); // operationId → statuses that came

  constructor(document) {
    this.document = document;
    for (const [path, item] of Object.entries(document.paths)) {
      for (const verb of verbs) {
        if (item[verb]) this.operations.set(item[verb].operationId, { path, verb: verb.toUpperCase(), operation: item[verb] });
      }
    }
    this.checks = new Map();
    this.ajv = new Ajv({ strict: false, allErrors: true });
    formats(this.ajv);
    this.ajv.addFormat('int32', true).addFormat('int64', true).addFormat('uint64', true)
      .addFormat('float', true).addFormat('double', true);
    this.ajv.addSchema({ $id: 'pek:/', components: { schemas: closed(document.components.schemas) } });
  }

  // What a reference leads to, or the thing itself.
  resolve(thing) {
    return thing?.$ref ? thing.$ref.slice(2).split('/').reduce((at, part) => at[part], this.document) : thing;
  }

  // Of components.schemas, as ajv knows them. Compiled once: a list has a line an item.
  validate(schema, value, what) {
    const check = this.checks.get(schema) ??
      this.ajv.compile(JSON.parse(JSON.stringify(closed(schema)).replaceAll('"#/components', '"pek:/#/components')));
    this.checks.set(schema, check);
    assert.ok(check(value), `${what}: ${this.ajv.errorsText(check.errors)}\n${JSON.stringify(value).slice(0, 2000)}`);
  }

  // The answer is one that the document promises of this operation: status, headers, content.
  check(id, answer) {
    const { operation } = this.operations.get(id) ?? assert.fail(`there is no operation ${id}`);
    const what = `${id} ${answer.status}`;
    this.seen.set(id, (this.seen.get(id) ?? new Set()).add(answer.status));
    const response = this.resolve(operation.responses[answer.status]);
    assert.ok(response, `${what} is not among the responses\n${answer.text}`);
    const headers = new Set(Object.keys(response.headers ?? {}).map((name) => name.toLowerCase()));
    for (const name of Object.keys(answer.headers)) {
      assert.ok(everywhere.has(name) || headers.has(name), `${what} has a header ${name} that the document does not name`);
    }
    const type = answer.headers['content-type']?.split(';')[0];
    if (answer.text === '') return;
    const media = response.content?.[type];
    assert.ok(media, `${what} has content of ${type}`);
    if (type === 'application/x-ndjson') {
      for (const line of answer.text.trimEnd().split('\n')) this.validate(media.schema, JSON.parse(line), what);
    } else if (/json/.test(type)) {
      this.validate(media.schema, JSON.parse(answer.text), what);
    }
  }
}

// Of answers a client must expect more than it knows; these tests must not: what the document does not name is a mistake.
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const all = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return schema.properties && typeof schema.properties === 'object' && schema.type === 'object' &&
    schema.additionalProperties === undefined ? { ...all, additionalProperties: false } : all;
}
