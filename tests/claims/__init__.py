"""What the tests show of clients and providers, from their marks to docs/compatibility.md.

A test says what it shows; what passed in a full run is on the page, and nothing else:

    @pytest.mark.shows(client="openai", route="POST /v1/audio/speech", what="mp3, as long as the text")
    @pytest.mark.proves(provider="elevenlabs", feature="quota spent", what="the next speaks, none is lost")
    @pytest.mark.checks(fake="elevenlabs", client="elevenlabs", what="errors are the SDK's own")

`shows`: a client in front of the router; `proves`: a provider behind it; `checks`: a fake vendor held to the
vendor's own SDK. Words are literal, or constants of the module, and the same for every parameter of a test: the
claim holds when all of them pass. A test may carry several marks. `client` is the name of its distribution, whose
version is read where the test runs; a test of a client that runs in another environment tells it:
`record_property("version", …)`. A client that is no distribution has its requests recorded: `release=` says of
which release.

`plugin` writes down what passed, `source` reads the marks without running anything, `page` writes the page
(`make compatibility`). tests/router/test_compatibility.py compares the three. A marked test may not be skipped.
Standard library and pytest only: it runs in every environment of the tests.
"""
