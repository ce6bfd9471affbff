// Looks at a report as a reader would: look.mjs CHROMIUM MODULES REPORT PICTURES [quick]
// Without scripts: both themes at three widths, nothing may be wider than the window; a picture of each. Then axe, for which alone
// scripts are on: it must find nothing. Prints one line of JSON for each check: {"holds": …, "what": …}.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [, , chromium, modules, report, pictures] = process.argv;
const require = createRequire(pathToFileURL(`${modules}/`));
const { chromium: launcher } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
const browser = await launcher.launch({ executablePath: chromium, args });
const url = pathToFileURL(report).href;
const say = (holds, what) => console.log(JSON.stringify({ holds, what }));

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1440, 1100, 420]) {
    const context = await browser.newContext({ javaScriptEnabled: false, colorScheme, viewport: { width, height: 900 } });
    const page = await context.newPage();
    const asked = [];
    page.on('request', (request) => { if (!request.url().startsWith('file:') && !request.url().startsWith('data:')) asked.push(request.url()); });
    await page.goto(url);
    const [wide, texts] = await measured(page);
    say(wide <= width, `${colorScheme}, ${width} px, no scripts: ${wide} px wide`);
    say(asked.length === 0, `${colorScheme}, ${width} px: ${asked.length} requests to the network`);
    say(texts > 0, `${colorScheme}, ${width} px: ${texts} charts with text`);
    await page.screenshot({ path: `${pictures}/report-${colorScheme}-${width}.png`, fullPage: true });
    await context.close();
  }
}

// Without scripts of the page; what is measured is measured by the browser itself.
async function measured(page) {
  const session = await page.context().newCDPSession(page);
  const { cssContentSize } = await session.send('Page.getLayoutMetrics');
  return [Math.ceil(cssContentSize.width), await page.locator('svg text').count()];
}

for (const colorScheme of ['light', 'dark']) {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(url);
  await page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true; }));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  say(violations.length === 0, `${colorScheme}: axe finds ${violations.length} violations`);
  for (const { id, help, nodes } of violations) {
    say(false, `${colorScheme}: ${id}: ${help} (${nodes.length} places, first ${nodes[0].html.slice(0, 160)})`);
  }
  say(errors.length === 0, `${colorScheme}: ${errors.length} errors of scripts ${errors.join('; ')}`);
  await context.close();
}

const context = await browser.newContext({ javaScriptEnabled: false });
const page = await context.newPage();
await page.goto(url);
const pdf = await page.pdf({ path: `${pictures}/report.pdf`, format: 'A4', preferCSSPageSize: true });
say(pdf.length > 0, `printed on A4: ${(pdf.toString('latin1').match(/\/Type\s*\/Page[^s]/g) ?? []).length} pages`);
await browser.close();
