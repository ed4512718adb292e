"""The rules: plain classes over plain values, made in bootstrap and called by resolvers."""
