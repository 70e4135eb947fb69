// Chromium without a window, told what to do by the Chrome DevTools Protocol over a pipe: JSON messages that end in NUL.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Where a program is; '' where it is not installed.
export function found(program) {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

export const chromium = found('chromium');

export class Chromium {
  #process;
  #folder;
  #calls = new Map();
  #pages = new Map();
  #count = 0;

  static async start(options) {
    const browser = new Chromium();
    browser.#folder = mkdtempSync(join(tmpdir(), 'pek-chromium-'));
    browser.#process = spawn(chromium, ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', `--user-data-dir=${browser.#folder}`,
      '--remote-debugging-pipe', ...options, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    browser.#process.on('exit', () => browser.#calls.forEach(({ reject }) => reject(new Error('chromium has ended'))));
    let text = '';
    browser.#process.stdio[3].on('error', () => {});
    browser.#process.stdio[4].setEncoding('utf8').on('data', (chunk) => {
      const messages = (text + chunk).split('\0');
      text = messages.pop();
      messages.forEach((message) => browser.#take(JSON.parse(message)));
    });
    await browser.call('Browser.getVersion');
    return browser;
  }

  #take({ id, result, error, method, params, sessionId }) {
    if (!id) return this.#pages.get(sessionId)?.take(method, params);
    const { resolve, reject } = this.#calls.get(id);
    this.#calls.delete(id);
    return error ? reject(new Error(error.message)) : resolve(result);
  }

  call(method, params = {}, sessionId = undefined) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  async open(url) {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId);
    this.#pages.set(sessionId, page);
    for (const domain of ['Network', 'Page', 'Runtime', 'Log']) await page.call(`${domain}.enable`);
    await page.call('Page.navigate', { url });
    return page;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.on('exit', resolve));
    this.call('Browser.close').catch(() => {});
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

class Page {
  answers = []; // of the network: url, protocol, connectionId, mimeType, status
  complaints = []; // what the page or the browser wrote as an error
  #browser;
  #session;

  constructor(browser, session) {
    this.#browser = browser;
    this.#session = session;
  }

  take(method, params) {
    if (method === 'Network.responseReceived') this.answers.push(params.response);
    else if (method === 'Runtime.exceptionThrown') this.complaints.push(params.exceptionDetails.text);
    else if (method === 'Log.entryAdded' && params.entry.level === 'error') this.complaints.push(`${params.entry.text} ${params.entry.url ?? ''}`);
  }

  call(method, params) {
    return this.#browser.call(method, params, this.#session);
  }

  // The value of an expression there, when it is no promise any more.
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }
}
