// What the protos promise of the HTTP interface, which no rule of buf looks at: paths, who may call, names of enum values, what is
// taken. Prints what breaks clients of an earlier contract, a line each, and ends with 1 when something does.
//   node bazel/lint/promises.mjs BEFORE.json NOW.json     two images of buf, as JSON
import { readFileSync } from 'node:fs';

const verbs = ['get', 'post', 'put', 'patch', 'delete'];
const broken = [];
const say = (name, what) => broken.push(`${name}: ${what}`);
const told = (value) => JSON.stringify(value ?? null);
const option = (of, name) => of.options?.[`[${name}]`];

// Everything that has a name of its own.
function read(path) {
  const all = { methods: new Map(), fields: new Map(), values: new Map(), messages: new Set() };
  const enums = (list = [], prefix) => list.forEach((type) => type.value.forEach((value) =>
    all.values.set(`${prefix}.${type.name}.${value.name}`, option(value, 'pek.json_name') ?? value.name)));
  const messages = (list = [], prefix) => list.forEach((type) => {
    const name = `${prefix}.${type.name}`;
    all.messages.add(name);
    (type.field ?? []).forEach((field) => all.fields.set(`${name}.${field.name}`, option(field, 'pek.field') ?? {}));
    enums(type.enumType, name);
    messages(type.nestedType, name);
  });
  for (const file of JSON.parse(readFileSync(path, 'utf8')).file.filter(({ package: name }) => name?.startsWith('pek'))) {
    enums(file.enumType, file.package);
    messages(file.messageType, file.package);
    (file.service ?? []).forEach((service) => service.method.forEach((method) =>
      all.methods.set(`${file.package}.${service.name}.${method.name}`, method)));
  }
  return all;
}

function bindings(method) {
  const http = option(method, 'google.api.http');
  return (http ? [http, ...(http.additionalBindings ?? [])] : []).map((rule) => {
    const verb = verbs.find((name) => rule[name]);
    return `${verb.toUpperCase()} ${rule[verb]}${rule.body ? ` with the body ${rule.body}` : ''}`;
  });
}

function compareMethod(name, before, now) {
  const paths = bindings(now);
  bindings(before).filter((path) => !paths.includes(path)).forEach((path) => say(name, `${path} is no more`));
  for (const rule of ['pek.access', 'pek.routing'])
    if (told(option(before, rule)) !== told(option(now, rule)))
      say(name, `${rule} was ${told(option(before, rule))} and is ${told(option(now, rule))}`);
}

// Less is taken than before.
function compareField(name, before, now) {
  for (const flag of ['internal', 'required', 'outputOnly', 'immutable'])
    if (now[flag] && !before[flag]) say(name, `is ${flag} now`);
  const [was, is] = [before.bounds ?? {}, now.bounds ?? {}];
  for (const least of ['charsMin', 'min'])
    if (Number(is[least] ?? 0) > Number(was[least] ?? 0)) say(name, `${least} was ${was[least] ?? 0} and is ${is[least]}`);
  for (const most of ['charsMax', 'itemsMax', 'max'])
    if (Number(is[most] ?? Infinity) < Number(was[most] ?? Infinity)) say(name, `${most} was ${was[most] ?? 'not set'} and is ${is[most]}`);
  if (is.pattern && is.pattern !== was.pattern) say(name, `pattern was ${told(was.pattern)} and is ${told(is.pattern)}`);
}

const [before, now] = process.argv.slice(2, 4).map(read);
for (const [name, method] of before.methods) if (now.methods.has(name)) compareMethod(name, method, now.methods.get(name));
for (const [name, value] of before.values)
  if (now.values.has(name) && now.values.get(name) !== value) say(name, `JSON said ${value} and says ${now.values.get(name)}`);
for (const [name, rule] of now.fields) {
  if (before.fields.has(name)) compareField(name, before.fields.get(name), rule);
  else if (rule.required && before.messages.has(name.slice(0, name.lastIndexOf('.')))) say(name, 'is new and required');
}
broken.forEach((line) => console.log(`protos: ${line}`));
process.exitCode = broken.length > 0 ? 1 : 0;
