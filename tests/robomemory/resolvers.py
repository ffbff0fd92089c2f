"""What the tests of resolvers share: what is in a local graph, and resolvers that remember it."""


def facts(memory):
    return {str(f) for f in memory.scene().facts}


def edit_of(memory):
    """The records that resolvers' edits became, newest last."""
    return [r for r in memory.records("spatial") if r.source.startswith("resolver:")]


def edge(local, words):
    return next(e for e in local.edges if local.words(e) == words)


def thing(local, label):
    return next(v.key for v in local.vertices if v.label == label)


def once(edits):
    """A resolver that makes ``edits(local)`` where that finds what it is about, and remembers what it saw."""

    def resolve(local):
        resolve.seen.append(local)
        try:
            return edits(local)
        except StopIteration:
            return []

    resolve.seen = []
    return resolve
