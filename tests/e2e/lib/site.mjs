// The web site in Chromium, by Playwright: people with a browser each, and everything that a browser complains of.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { found } from './chromium.mjs';

const program = found('chromium');
export const skipped = program ? {} : { skip: 'chromium is not installed' };

export async function launch() {
  return chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
}

// Somebody with a browser of their own. `origins` are those that they may come to; all else is a complaint.
export class Visitor {
  complaints = [];

  static async open(browser, origin, { language = 'en', theme = 'light', width = 1280, height = 900, origins = [] } = {}) {
    const visitor = new Visitor();
    visitor.origin = origin;
    visitor.context = await browser.newContext({ baseURL: origin, viewport: { width, height }, locale: language === 'hu' ? 'hu-HU' : 'en-GB',
      colorScheme: theme, hasTouch: width < 500, reducedMotion: 'reduce' });
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(20_000);
    visitor.#listen(new Set([origin, ...origins]));
    return visitor;
  }

  #listen(origins) {
    const { page, complaints } = this;
    page.on('pageerror', (error) => complaints.push(`threw: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${message.type()}: ${message.text()} ${message.location().url}`);
    });
    page.on('requestfailed', (request) => {
      // Whoever goes on to another page, or types on, stops what was asked before.
      if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
    });
    page.on('response', (answer) => {
      if (answer.status() >= 400) complaints.push(`${answer.status()}: ${answer.request().method()} ${answer.url()}`);
    });
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith('http') && !origins.has(origin)) complaints.push(`another origin: ${request.url()}`);
    });
  }

  // By the login of the demo, from the page that offers it.
  async logIn(user, path = '/') {
    await this.page.goto(path);
    await this.page.getByRole('link', { name: new RegExp(`\\b${user}$`) }).click();
    await this.page.locator('.me').waitFor();
  }

  // What is expected to be complained of is taken out first.
  assertCalm(...expected) {
    const rest = this.complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(rest, []);
  }

  close() {
    return this.context.close();
  }
}
