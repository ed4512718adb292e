// GraphiQL with Footnote's examples. Subscriptions go over a socket, with ?transport=sse over server-sent events.

const url = location.origin + location.pathname;
const overEvents = new URLSearchParams(location.search).get('transport') === 'sse';

// Subscriptions are made anew each time: the headers in the editor are known only then.
function fetcher(request, options) {
  const subscribing = overEvents
    ? { wsClient: graphqlSse.createClient({ url, headers: options?.headers }) }
    : { subscriptionUrl: url.replace('http', 'ws') }; // the headers become the parameters of the connection
  return GraphiQL.createFetcher({ url, ...subscribing })(request, options);
}

const examples = [
  {
    query: `# An answer while it is being written, event by event: press Ctrl-Enter.
# It comes over a socket, at /graphql?transport=sse over server-sent events.

subscription AskAndListen($question: String!) {
  ask(input: { question: $question }) {
    __typename
    ... on AnswerStarted { answerId passages { section url similarity } }
    ... on AnswerDelta { text }
    ... on AnswerCited { citation { number offset quote url } }
    ... on AnswerFinished {
      answer {
        status
        text
        citations { number quote url }
      }
    }
    ... on InvalidInput { field message }
  }
}
`,
    variables: { question: 'What does a watchdog do?' },
  },
  {
    query: `# The whole answer at once. Ask what the book does not say, and it is declined.

mutation Ask($question: String!) {
  ask(input: { question: $question }) {
    ... on Answer {
      status
      declineReason
      text
      citations { number offset quote chapterTitle section url }
      usage { inputTokens outputTokens costUsd }
      responseTime
    }
    ... on InvalidInput { field message }
  }
}
`,
    variables: { question: 'Which stop categories are there?' },
  },
  {
    query: `# The passages nearest to some words, by meaning and by the words themselves.

query Search($words: String!) {
  search(query: $words, first: 3) {
    chapterTitle
    section
    url
    similarity
    text
  }
}
`,
    variables: { words: 'emergency stop' },
  },
  {
    query: `# A chapter with its sections. A citation's quote is content.slice(start, end).

query Read($id: ID!) {
  chapter(id: $id) {
    title
    url
    sections { level heading url }
    content
  }
  book { chapters { id title } }
}
`,
    variables: { id: 'learning/safety' },
  },
];

const defaultTabs = examples.map(({ query, variables }) => ({ query, variables: JSON.stringify(variables, null, 2) }));
const page = React.createElement(GraphiQL, { fetcher, defaultTabs, defaultEditorToolsVisibility: 'variables' });
ReactDOM.createRoot(document.getElementById('graphiql')).render(page);
