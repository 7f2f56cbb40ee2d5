"""A server that is ready in a fraction of a second, for tests of what surrounds a server."""
