// Opens a page of a built site, straight from its files, and prints as JSON which way its parts run, the fonts of its
// first text that runs from right to left, where the links of its table of contents lead, and what went wrong. Nothing
// else can be reached. Arguments: folder, address of the page, path of the browser, file for a picture.
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';

const [folder, address, executablePath, picture] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--disable-gpu', '--disable-sync'] });
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 1285 }, colorScheme: 'light', reducedMotion: 'reduce' });
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
  await page.route('**/*', (route) => {
    const { origin, pathname } = new URL(route.request().url());
    const path = join(folder, decodeURIComponent(pathname), extname(pathname) ? '' : 'index.html');
    return origin === new URL(address).origin && existsSync(path) ? route.fulfill({ path }) : route.fulfill({ status: 404 });
  });

  await page.goto(address);
  await page.waitForSelector('[data-has-hydrated=true]');
  await page.evaluate(() => document.fonts.ready);
  if (picture) await page.screenshot({ path: picture });
  const parts = await page.evaluate(partsOfTheText);
  const fonts = await fontsOf(page, 'div[dir=rtl] p');
  console.log(JSON.stringify({ parts, fonts, contents: await page.evaluate(followed), wrong }));
} finally {
  await browser.close();
}

/** Runs in the page. `onwards`: the first letter stands left of the last one on its line. */
function partsOfTheText() {
  const kinds = 'h2, h3, p, ul, ol, li, th, td, blockquote, .theme-admonition, pre, code, .katex';
  const place = (node, offset) => {
    const range = new Range();
    range.setStart(node, offset);
    range.setEnd(node, offset + 1);
    return range.getBoundingClientRect();
  };
  const onwards = (element) => {
    const walker = document.createTreeWalker(element.querySelector('.katex-html') ?? element, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) if (walker.currentNode.data.trim()) texts.push(walker.currentNode);
    const first = place(texts[0], 0);
    const ends = texts.map((text) => place(text, text.length - 1));
    const last = ends.findLast(({ top, bottom }) => top < first.bottom && bottom > first.top);
    return !last || first.left <= last.left; // a text that goes on in the next line may end there
  };
  return [...document.querySelectorAll('.theme-doc-markdown :is(' + kinds + ')')].map((element) => ({
    kind: ['katex', 'theme-admonition', 'tabs'].find((name) => element.classList.contains(name)) ?? element.localName,
    text: element.textContent,
    around: element.closest('[dir]').dir,
    direction: getComputedStyle(element).direction,
    indent: getComputedStyle(element).paddingInlineStart,
    onwards: element.matches('code, .katex') && element.getClientRects().length > 0 ? onwards(element) : null,
  }));
}

async function fontsOf(page, selector) {
  const session = await page.context().newCDPSession(page);
  await session.send('DOM.enable');
  await session.send('CSS.enable');
  const { root } = await session.send('DOM.getDocument');
  const { nodeId } = await session.send('DOM.querySelector', { nodeId: root.nodeId, selector });
  const { fonts } = nodeId ? await session.send('CSS.getPlatformFontsForNode', { nodeId }) : { fonts: [] };
  return fonts.map(({ familyName }) => familyName);
}

/** Runs in the page. What each link of the table of contents says, and the heading that is in view after a click on it. */
async function followed() {
  const contents = [];
  for (const link of document.querySelectorAll('.table-of-contents__link')) {
    link.click();
    await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
    const heading = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const top = heading?.getBoundingClientRect().top;
    const isInView = top >= 0 && top < innerHeight;
    contents.push({ says: link.textContent, hash: link.hash, heading: isInView ? heading.firstChild.textContent : null });
  }
  return contents;
}
