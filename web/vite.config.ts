import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { compressed } from './build/compressed';
import { pagesList } from './build/pages';

// `npm run dev` shows the site as it is written, over the API of a hub that runs: PEK_HUB=http://127.0.0.1:8080
const hub = process.env['PEK_HUB'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), pagesList(), compressed()],
  build: {
    target: ['chrome123', 'firefox120', 'safari17.5'], // light-dark() is there since
    // Nothing as data: or inline, so that the policy can say 'self'.
    minify: 'terser', // some KB less than esbuild makes of it
    terserOptions: { ecma: 2020, compress: { passes: 3 } },
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000, // the reference of the API, which is loaded when it is looked at
    rollupOptions: {
      // What every page needs, in one piece: many small ones compress worse.
      output: {
        manualChunks: (id) =>
          /node_modules\/(react|react-dom|scheduler|use-sync-external-store|@tanstack|openapi-fetch)\/|web\/client|web\/src\/(names|(app|parts)\/(basics|LoginLinks|member|notification|toasts|Unfound)\.)/.test(
            id,
          )
            ? 'base'
            : undefined,
      },
    },
    manifest: true, // says what the first page loads: test/size.test.mjs adds it up
  },
  server: { proxy: Object.fromEntries(['/api', '/auth', '/openapi.json'].map((path) => [path, hub])) },
});
