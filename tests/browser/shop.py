"""The real shop: django-oscar, and a look into its database behind its back."""

import contextlib
import sqlite3

from processes import TESTS, WORK, Process, free_port

DATA = WORK / "shop"
BUYER = ("innkjop@kunde.example", "Hemmelig-123")


class Shop(Process):
    """django-oscar as `tests/oscar` has it, seeded by `tests/run shop`."""

    def __init__(self, host=None):
        """With `host`, the shop serves under that name alone, and says so in absolute addresses and in its cookies."""
        port = free_port()
        self.authority = f"{host}:{port}" if host else None
        environment = {"SHOP_NAME": self.authority} if host else {}
        # Threads, because a single-request worker closes every connection and a reused one is the harder case.
        command = [WORK / "venv/bin/gunicorn", "-w1", "-kgthread", "--threads=4", f"-b127.0.0.1:{port}", "--access-logfile=-"]
        super().__init__("oscar", [*command, "wsgi:application"], port, cwd=TESTS / "oscar", SHOP_DATA=str(DATA), **environment)

    @staticmethod
    @contextlib.contextmanager
    def _database():
        with contextlib.closing(sqlite3.connect(DATA / "shop.sqlite3", timeout=20)) as connection, connection:
            yield connection

    def orders(self):
        """How many orders the shop has taken."""
        with self._database() as database:
            return database.execute("SELECT count(*) FROM order_order").fetchone()[0]

    def forget(self):
        """No baskets, no orders, nobody signed in: as on the first day."""
        with self._database() as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                if table.startswith(("basket_", "order_", "payment_")) or table == "django_session":
                    database.execute(f'DELETE FROM "{table}"')
                    # Numbers from 1 again: they are printed on pages.
                    database.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))

    def basket(self):
        """The lines of all open baskets: (product number, quantity)."""
        query = (
            "SELECT product_id, quantity FROM basket_line JOIN basket_basket ON basket_basket.id = basket_id"
            " WHERE status = 'Open' ORDER BY basket_line.id"
        )
        with self._database() as database:
            return database.execute(query).fetchall()
