// Opens GraphiQL, runs the example in its first tab, and prints as JSON what the page asked for, what went wrong, and
// the last response. Nothing but 127.0.0.1 can be reached. Arguments: address, path of the browser, file for a picture.
import { chromium } from 'playwright-core';

const [address, executablePath, picture] = process.argv.slice(2);
const fence = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1';
const browser = await chromium.launch({ executablePath, args: [fence, '--disable-gpu', '--disable-quic', '--disable-sync'] });
try {
  const page = await browser.newPage({ viewport: { width: 1400, height: 820 }, colorScheme: 'light' });
  const asked = [];
  const wrong = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('websocket', (socket) => asked.push(socket.url()));
  page.on('response', (response) => response.ok() || wrong.push(`${response.url()}: ${response.status()}`));
  // A client may let go of a stream that it has read to its end before the server has: that is no failure of either.
  page.on('requestfailed', (request) => {
    const { errorText } = request.failure();
    const letGo = errorText === 'net::ERR_ABORTED' && request.method() === 'POST';
    if (!letGo) wrong.push(`${request.url()}: ${errorText}`);
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));

  await page.goto(address);
  await page.getByRole('button', { name: 'Execute query' }).click();
  const pane = page.locator('.result-window');
  await pane.getByText('AnswerFinished').waitFor();
  const response = await pane.locator('.CodeMirror').evaluate((editor) => JSON.parse(editor.CodeMirror.getValue()));
  if (picture) await page.screenshot({ path: picture });
  console.log(JSON.stringify({ asked, wrong, response }));
} finally {
  await browser.close();
}
