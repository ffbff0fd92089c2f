"""Connections to the server: each call has a deadline, and a lost one is made anew at the next call."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from robomemory.errors import (
    InvalidNoteError,
    MemoryClosedError,
    MissingDependencyError,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
)
from robomemory.store.forks import Owner
from robomemory.store.postgres.address import Address

try:
    import psycopg
    from pgvector.psycopg import register_vector
    from psycopg import sql
    from psycopg.abc import PQGen
    from psycopg.pq import TransactionStatus as Status
except ImportError as error:  # pragma: no cover
    raise MissingDependencyError(
        'a memory in PostgreSQL needs psycopg and pgvector: pip install "vista-stack[postgres]"'
    ) from error

CONNECT_S = 3
"""A server that does not answer within this [s] is not there."""

ANSWER_S = 10.0
"""A statement that takes longer [s] is given up; a snapshot or an update may hold several."""

TURN_S = 8.0
"""How long a writer waits for the others' updates [s]."""

SILENT_S = 60.0
"""A robot that says nothing for so long [s] within its turn to write loses it."""

IDLE = 8  # connections kept for the next call
RV = TypeVar("RV")


class Connection(psycopg.Connection[tuple[object, ...]]):
    """A connection whose every statement is answered within ``answer_s`` [s], or fails: also when the server
    hangs, or is gone without a word."""

    answer_s = ANSWER_S

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As psycopg's, with a deadline of its own."""
        return super().wait(gen, interval, self.answer_s if timeout is None else timeout)


class Links:
    """Connections to ``address``, in autocommit; with ``read_only`` the server refuses to write. Safe from
    any thread: each connection serves one."""

    def __init__(self, address: Address, *, read_only: bool = False) -> None:
        self._address, self._read_only = address, read_only
        self._idle: deque[Connection] = deque()
        self._closed = False
        self._owner = Owner(address.name)

    def connect(self) -> Connection:
        """A new connection that sees the scene's tables; vectors come and go as arrays f32.

        Raises:
            StoreError: no server there, no permission, or no extension ``vector`` in the database.
        """
        options = (
            f"-c statement_timeout={ANSWER_S * 1e3:.0f} -c lock_timeout={TURN_S * 1e3:.0f}"
            # A robot that falls silent within an update shall not keep the others waiting for long.
            f" -c idle_in_transaction_session_timeout={SILENT_S * 1e3:.0f} -c tcp_keepalives_idle=5"
            " -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
            " -c synchronous_commit=on -c client_min_messages=warning"
            f" -c default_transaction_read_only={'on' if self._read_only else 'off'}"
        )
        with self.errors("reach"):
            try:
                db = Connection.connect(
                    self._address.conninfo, autocommit=True, connect_timeout=CONNECT_S, options=options,
                    application_name="robomemory", keepalives_idle=5, keepalives_interval=2,
                    keepalives_count=3,
                )  # fmt: skip
            except (ValueError, TypeError) as error:  # psycopg, on an address that it can't put together
                why = self._address.conceal(error)
                raise StoreError(f"{self._address.name}: can't reach it: {why}") from None
            try:
                path = sql.SQL("SET search_path = {}, public").format(sql.Identifier(self._address.schema))
                db.execute(path)
                if db.execute("SELECT 1 FROM pg_type WHERE typname = 'vector'").fetchone() is not None:
                    register_vector(db)
            except BaseException:
                db.close()
                raise
        return db

    @contextmanager
    def use(self, doing: str) -> Iterator[Connection]:
        """A connection for this thread; ``doing`` is for the message of what goes wrong. If it was lost,
        those that wait for a call are given up, too: they may be as dead.

        Raises:
            StoreError: the connection was lost; the next call makes a new one. StoreInUseError: in a forked
            child. MemoryClosedError.
        """
        self._owner.check()
        db = self._take()
        try:
            with self.errors(doing):
                yield db
        except BaseException:
            self._recover(db)
            raise
        if self._closed or len(self._idle) >= IDLE:
            db.close()
        else:
            self._idle.append(db)

    def _recover(self, db: Connection) -> None:
        """After an error within a call: the connection serves on if the server is well."""
        status = db.pgconn.transaction_status
        if not db.closed and status in (Status.IDLE, Status.INTRANS, Status.INERROR):
            try:
                db.execute("ROLLBACK")
                self._idle.append(db)
                return
            except psycopg.Error:
                pass  # it is lost after all
        db.close()
        while self._idle:
            self._idle.popleft().close()

    def _take(self) -> Connection:
        while not self._closed:
            try:
                db = self._idle.pop()
            except IndexError:
                return self.connect()
            if not db.closed and not select.select([db.fileno()], [], [], 0)[0]:
                return db
            db.close()  # the server said good-bye while nobody listened
        raise MemoryClosedError(f"{self._address.name}: the memory is closed")

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """The server's errors in this library's words; they name host and database, never the password. What
        psycopg said is not chained to them: it may repeat the address."""
        name = self._address.name

        def said(error: Exception) -> str:
            return self._address.conceal(error) or type(error).__name__

        try:
            yield
        except psycopg.errors.LockNotAvailable as error:
            raise StoreInUseError(
                f"{name}: another robot has been writing for {TURN_S:g} s; try again"
            ) from error
        except psycopg.errors.QueryCanceled as error:
            raise StoreError(f"{name}: can't {doing} it: no answer within {ANSWER_S:g} s") from error
        except psycopg.errors.NumericValueOutOfRange as error:
            raise InvalidNoteError(f"{name}: a number does not fit into 64 bits: {said(error)}") from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise StoreError(f"{name}: can't {doing} it: {said(error)}") from None
        except psycopg.ProgrammingError as error:
            if error.sqlstate is not None:
                raise StoreCorruptError(
                    f"{name}: can't {doing} it: {said(error)}; no store of RoboMemory?"
                ) from None
            raise StoreError(
                f"{name}: can't {doing} it: {said(error)}"
            ) from None  # libpq can't read the address
        except psycopg.Error as error:
            raise StoreCorruptError(
                f"{name}: can't {doing} it: {said(error)}; no store of RoboMemory?"
            ) from None

    def close(self) -> None:
        """Gives all idle connections back; those in use are closed when their call ends. Does nothing in a
        forked child: to say good-bye there would end the connections of its parent."""
        if not self._owner.is_current:
            return
        self._closed = True
        while self._idle:
            self._idle.popleft().close()


@contextmanager
def patience(db: Connection, seconds: float) -> Iterator[None]:
    """Statements within it may take ``seconds`` [s]: what goes over the whole store takes its time."""
    db.execute(f"SET statement_timeout = {seconds * 1e3:.0f}")
    db.answer_s = seconds + 1.0
    try:
        yield
    finally:
        db.answer_s = ANSWER_S
        # A transaction that failed takes the setting back by itself.
        if not db.closed and db.pgconn.transaction_status in (Status.IDLE, Status.INTRANS):
            db.execute(f"SET statement_timeout = {ANSWER_S * 1e3:.0f}")
