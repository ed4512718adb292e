// Better Auth as a site runs it, in memory. The first argument changes options of its jwt plugin, as JSON.
// It writes its URL. Then each line that it reads is a command, answered by a line: away, back, verify <e-mail>.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { betterAuth } from 'better-auth/minimal';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins/jwt';

const database = { user: [], session: [], account: [], verification: [], jwks: [] };
const server = createServer();
const listen = (port) => new Promise((done) => server.listen(port, '127.0.0.1', done));
const commands = {
  away: () => new Promise((done) => server.close(done).closeAllConnections()),
  back: () => listen(port),
  verify: (email) => { database.user.find((user) => user.email === email).emailVerified = true; },
};

await listen(0);
const { port } = server.address();
const baseURL = `http://127.0.0.1:${port}`;
const auth = betterAuth({
  baseURL,
  secret: 'of the tests, and of nothing else',
  database: memoryAdapter(database),
  emailAndPassword: { enabled: true },
  plugins: [jwt(JSON.parse(process.argv[2] ?? '{}'))],
  logger: { level: 'error' }, // those go to stderr
  telemetry: { enabled: false },
});
server.on('request', toNodeHandler(auth));
console.log(baseURL);

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...given] = line.split(' ');
  await commands[command](...given);
  console.log(line);
}
process.exit(); // whoever started it is gone
