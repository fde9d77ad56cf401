"""What OpenAI asks of a training file beyond what every service asks, one function each.

    messages    roles, the keys of each, the parts of a content
    learning    which answers can be learnt
    texts       special tokens, and the length of an example
    tools       tools, calls and the answers to them
    whole       how many examples, and how large a file

The shapes are those of the API description, version 2.3.0 (`ChatCompletionRequest…Message`, `ChatCompletionTool`,
`FineTune…RequestInput`); the limits are from the fine-tuning guides. Each rule passes over what the shared rules refuse.
"""
