// Compiles texts as the example site would: the MDX loader of its Docusaurus, with the site's own settings. Takes JSON
// lines {name, content}; gives back one for each, in order: {refused} with the reason, or what the compiled tree holds.
// Arguments: the site's folder, and possibly --no-formulas, for texts of a site that has none.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const [site, option] = process.argv.slice(2);
const require = createRequire(join(site, 'package.json'));
const { createMDXLoaderItem } = require('@docusaurus/mdx-loader');
const { compileToJSX } = require('@docusaurus/mdx-loader/lib/utils.js');
const { loadSiteConfig } = require('@docusaurus/core/lib/server/config.js');
const { DEFAULT_OPTIONS } = require('@docusaurus/plugin-content-docs/lib/options.js');
const { parseMarkdownFile } = require('@docusaurus/utils');

const BLOCKS = /^(h[1-6]|p|ul|ol|li|table|tr|th|td|blockquote|pre|hr|admonition|mdxAdmonitionTitle)$/;
const nowhere = join(site, 'nowhere');
const { siteConfig } = await loadSiteConfig({ siteDir: site });
const docs = { ...DEFAULT_OPTIONS, ...siteConfig.presets.find(([name]) => name === 'classic')[1].docs };
// Texts stand alone here: no file is around that a link or an image could lead to.
const hooks = { onBrokenMarkdownLinks: 'ignore', onBrokenMarkdownImages: 'ignore' };
const { options } = await createMDXLoaderItem({
  ...docs,
  ...(option === '--no-formulas' && { remarkPlugins: [], rehypePlugins: [] }),
  siteDir: nowhere,
  staticDirs: [],
  markdownConfig: { ...siteConfig.markdown, hooks },
  // Before the site's own plugins, since KaTeX leaves no formula as it was written.
  beforeDefaultRehypePlugins: [...docs.beforeDefaultRehypePlugins, () => (tree, file) => void (file.data.held = held(tree))],
});

/** What a tree holds, each kind in the order of the page. */
function held(tree) {
  const kinds = ['headings', 'code', 'inline_code', 'math', 'links', 'images', 'jsx', 'expressions', 'modules', 'blocks'];
  const found = Object.fromEntries(kinds.map((kind) => [kind, []]));
  look(tree, found, false);
  return found;
}

function look(node, found, fenced) {
  if (node.type === 'element') element(node, found, fenced);
  else if (/^mdxJsx/.test(node.type)) component(node, found);
  else if (/^mdx.+Expression$/.test(node.type)) found.expressions.push(node.value);
  else if (node.type === 'mdxjsEsm' && node.value) found.modules.push(node.value); // Docusaurus' own export has no source
  for (const child of node.children ?? []) look(child, found, node.tagName === 'pre');
}

function component({ type, name, attributes }, found) {
  const tag = `<${[name ?? '', ...attributes.map(attribute)].join(' ')}>`;
  found.jsx.push(tag);
  if (type === 'mdxJsxFlowElement') found.blocks.push(tag);
}

function element({ tagName, properties, children }, found, fenced) {
  if (BLOCKS.test(tagName)) found.blocks.push(tagName);
  if (/^h[1-6]$/.test(tagName)) found.headings.push([Number(tagName[1]), properties.id]);
  if (tagName === 'a') found.links.push(properties.href);
  if (tagName === 'img') found.images.push(properties.src);
  if (tagName !== 'code') return;
  const value = children.map((child) => child.value).join('');
  const classes = properties.className ?? [];
  if (classes.some((name) => name.startsWith('math-'))) found.math.push(value);
  else if (!fenced) found.inline_code.push(value);
  else found.code.push([classes.join(' ').replace('language-', ''), properties.metastring ?? '', value]);
}

function attribute({ type, name, value }) {
  if (type === 'mdxJsxExpressionAttribute') return `{${value}}`;
  if (value === null || value === undefined) return name;
  return typeof value === 'string' ? `${name}=${JSON.stringify(value)}` : `${name}={${value.value}}`;
}

async function compiled({ name, content }) {
  const file = { filePath: join(nowhere, name), fileContent: content };
  try {
    const { parseFrontMatter } = siteConfig.markdown;
    const { frontMatter, contentTitle } = await parseMarkdownFile({ ...file, parseFrontMatter });
    const { data } = await compileToJSX({ ...file, frontMatter, options, compilerName: 'server' });
    return { ...data.held, titled: contentTitle !== undefined };
  } catch (error) {
    const { line, column, reason, message } = error.cause ?? error;
    return { refused: line ? `${line}:${column}: ${reason}` : message };
  }
}

// Only "\n" ends a line: Node's readline would also cut at U+2028, which JSON leaves as it is.
for (const line of (await text(process.stdin)).split('\n').filter(Boolean)) {
  console.log(JSON.stringify(await compiled(JSON.parse(line))));
}
