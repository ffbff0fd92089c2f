"""No message of the memory holds the password of an address, however it is spelled."""

import traceback

import pytest

from robomemory import HashingEmbedder, RoboMemory, StoreError
from robomemory.store.opening import embedder_of
from robomemory.store.postgres.address import Address, is_url, with_scene
from robomemory.store.postgres.secrets import conceal
from vista.cli import main as cli

PARTS = ("s3cr3t", "w0rd")
ADDRESSES = (
    "postgresql://robot:s3cr3tw0rd@127.0.0.1:9/memory?scene=kitchen",
    "postgresql://robot:s3cr3t%2Fw0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t/w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t?w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t#w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t@w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t%w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t%00w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t%zzw0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t%0Aw0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t\nw0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t:w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3tw0rd@[127.0.0.1:9/memory",
    "postgresql://robot:s3cr3tw0rd@127.0.0.1:99999/memory",
    "postgresql://robot:s3cr3tw0rd@127.0.0.1:port/memory",
    "postgresql://127.0.0.1:9/memory?user=robot&password=s3cr3tw0rd",
    "postgresql://127.0.0.1:9/memory?password=s3cr3t%26w0rd&scene=kitchen",
    "postgresql://127.0.0.1:9/memory?sslpassword=s3cr3tw0rd&sslmode=bogus",
    "postgresql://robot:s3cr3tw0rd@127.0.0.1:9/memory?nonsense=1",
    "postgresql://robot:s3cr3tw0rd@127.0.0.1:9/memory?scene=a%20b",
    "postgresql://robot:s3cr3tw0rd@s3cr3tw0rd.invalid:9/memory",
    "postgresql://robot:s3cr3tw0rd@127.0.0.1:9/s3cr3tw0rd",
    "POSTGRESQL://robot:s3cr3tw0rd@127.0.0.1:9/memory",
    "Postgres://robot:s3cr3tw0rd@127.0.0.1:9/memory",
    " postgresql://robot:s3cr3tw0rd@127.0.0.1:9/memory",
    "postgresql+psycopg://robot:s3cr3tw0rd@127.0.0.1:9/memory",
    "postgresql:/robot:s3cr3tw0rd@127.0.0.1:9/memory",
    "postgres:///robot:s3cr3tw0rd@127.0.0.1:9/memory",
    "mysql://robot:s3cr3tw0rd@127.0.0.1:9/memory",
    "http://robot:s3cr3tw0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t\u00fcw0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t\ud800w0rd@127.0.0.1:9/memory",
    "postgresql://robot:s3cr3t\0w0rd@127.0.0.1:9/memory",
)


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_message_holds_a_password(url, capsys):
    for call in (
        lambda: RoboMemory(url, embedder=HashingEmbedder()),
        lambda: RoboMemory(url),
        lambda: embedder_of(url),
        lambda: RoboMemory.for_scene(url, "kitchen", embedder=HashingEmbedder()),
    ):
        with pytest.raises(StoreError) as told:
            call()
        said = "".join(traceback.format_exception(told.value))
        lines = [line for line in said.splitlines() if not line.startswith("    ")]  # without the sources
        assert all(part not in line for part in PARTS for line in lines), lines
        assert "\n" not in str(told.value)
    for action in ("inspect", "export", "import", "forget", "backup"):
        assert cli.main(["memory", action, url, "--out", "a.jsonl", "--from", __file__, "--keep", "1"]) == 2
        shown = "".join(capsys.readouterr())
        assert all(part not in shown for part in PARTS), shown


def test_a_password_of_the_environment_is_hidden(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "s3cr3t'w0rd")
    address = Address.parse("postgresql://robot@lab/memory")
    for text in ("s3cr3t'w0rd", "s3cr3t%27w0rd", r"s3cr3t\'w0rd"):
        assert address.conceal(f"failed with {text} today") == "failed with *** today"
    assert "s3cr3t" not in repr(address)


def test_a_short_password_is_hidden_where_it_is_a_word():
    assert conceal("a robot with a key: a", {"a"}) == "*** robot with *** key: ***"
    assert conceal("abc at postgresql://u:x@h/d", {"zz"}) == "abc at postgresql://u:***@h/d"


def test_what_is_no_secret_is_told():
    address = Address.parse("postgresql://robot:s3cr3t@lab:5433/memory?scene=kitchen")
    assert address.name == "postgresql://lab:5433/memory (scene kitchen)"
    assert is_url("POSTGRES://lab/memory")
    assert not is_url("lab.sqlite3")
    assert with_scene("postgresql://lab/memory", "a") == "postgresql://lab/memory?scene=a"


@pytest.mark.parametrize("scene", ["é" * 50, "a" * 51, "a%20b", "a%2F", ""])
def test_a_scene_that_is_no_name_is_told(scene):
    with pytest.raises(StoreError, match="scene"):
        Address.parse(f"postgresql://lab/memory?scene={scene}")


@pytest.mark.parametrize(
    "path",
    [
        "postgresql:robot:s3cr3t@lab/memory", "postgres:/robot:s3cr3t@lab/memory",
        "postgresql%3A%2F%2Frobot%3As3cr3t%40lab%2Fmemory", "host=lab password=s3cr3t dbname=memory",
        "Postgresql:lab",
    ],
)  # fmt: skip
def test_an_address_that_is_misspelt_is_no_file(path, tmp_path, monkeypatch):
    """A file of that name would hide that nothing is shared, and show the password to whoever lists it."""
    monkeypatch.chdir(tmp_path)
    for call in (lambda: RoboMemory(path), lambda: RoboMemory.for_scene(path, "kitchen")):
        with pytest.raises(StoreError, match="address can't be read") as caught:
            call()
        assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
    assert not list(tmp_path.iterdir())
