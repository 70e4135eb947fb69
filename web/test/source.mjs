// A source of the site, or of its client, as a module that tests can import.
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export async function source(path) {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, lib: { entry: fileURLToPath(new URL(`../src/${path}`, import.meta.url)), formats: ['es'] } },
  });
  const { output } = Array.isArray(built) ? built[0] : built;
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
