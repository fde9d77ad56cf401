"""OpenAI's fine-tuning API on 127.0.0.1: it costs nothing, keeps its state in memory, and misbehaves as told.

    clock switches      when things happen, and what a test can change
    accounts errors     who asks, and how the service refuses
    shelf               things in order, read by pages
    files uploads       what was sent
    asked jobs          what a job was asked for, and the job
    lifecycle happenings   what has become of it by now: a function of the clock
    limits models       quotas; base models and trained ones
    service             all of the state in one place, with the bill
    routes control      /v1 as OpenAI describes it; /_control for tests
    faults wire         what goes wrong on the way, down to the socket
    app process         the server; starting it, and asking it things

Messages, error bodies and odd nulls are those that were seen on the real service; where none was published, the module
says so. In tests it is the fixture `service`; elsewhere:

    with FakeOpenAI.started() as service:
        client = openai.AsyncOpenAI(api_key=service.key, base_url=service.base_url)
"""
