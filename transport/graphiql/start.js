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
  `# An answer, event by event while it is being written.
# Ctrl-Enter runs it, over a socket. Over server-sent
# events it comes at /graphql?transport=sse

subscription AskAndListen {
  ask(input: { question: "What does a watchdog do?" }) {
    __typename
    ... on AnswerStarted {
      answerId
      passages { section url similarity }
    }
    ... on AnswerDelta { text }
    ... on AnswerCited {
      citation { number offset quote url }
    }
    ... on AnswerFinished {
      answer {
        status
        text
        citations { number quote url }
      }
    }
    ... on Problem { __typename message }
  }
}
`,
  `# The whole answer at once.
# What the book does not say is declined: try a recipe.

mutation Ask {
  ask(input: {
    question: "How does a topic differ from an action?"
  }) {
    ... on Answer {
      status
      declineReason
      text
      citations { number chapterTitle section quote url }
      usage { inputTokens outputTokens costUsd }
      responseTime
    }
    ... on Problem { __typename message }
  }
}
`,
  `# The passages that are nearest to some words,
# by their meaning and by the words themselves.

query Search {
  search(query: "emergency stop", first: 3) {
    chapterTitle
    section
    url
    similarity
    text
  }
}
`,
  `# A chapter. The quote of a citation is
# content.slice(start, end), character for character.

query Read {
  chapter(id: "learning/safety") {
    title
    url
    sections { level heading url }
    content
  }
}
`,
];

const page = React.createElement(GraphiQL, { fetcher, defaultTabs: examples.map((query) => ({ query })) });
ReactDOM.createRoot(document.getElementById('graphiql')).render(page);
