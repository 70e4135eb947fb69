import type { Plugin } from 'vite';
import { paths } from '../src/paths';

// For the hub: which addresses bring index.html. A segment `*` is any one.
export function pagesList(): Plugin {
  return {
    name: 'pages-list',
    apply: 'build',
    generateBundle() {
      const source = Object.values(paths).map((path) => path.replace(/\$[a-zA-Z]+/g, '*'));
      this.emitFile({ type: 'asset', fileName: 'pages.txt', source: `${source.join('\n')}\n` });
    },
  };
}
