// The sample book as a web site. `url` and the docs' route together are Footnote's default BOOK_URL.
import rehypeKatex from 'rehype-katex';
import remarkMath from 'remark-math';

export default {
  title: 'A Short Introduction to Physical AI',
  url: 'http://localhost:3000',
  baseUrl: '/',
  onBrokenLinks: 'throw',
  onBrokenAnchors: 'throw',
  onDuplicateRoutes: 'throw',
  markdown: { hooks: { onBrokenMarkdownLinks: 'throw', onBrokenMarkdownImages: 'throw' } },
  presets: [
    [
      'classic',
      {
        docs: {
          path: '../book',
          routeBasePath: '/docs',
          remarkPlugins: [remarkMath],
          rehypePlugins: [rehypeKatex],
        },
        blog: false,
        theme: { customCss: [require.resolve('katex/dist/katex.min.css'), './src/css/directions.css'] },
      },
    ],
  ],
  themeConfig: { navbar: { title: 'A Short Introduction to Physical AI' } },
};
