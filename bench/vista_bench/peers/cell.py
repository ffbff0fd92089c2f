"""Cell ``peers`` of suite ``memory``: the same notes, questions and vectors through other memories.

RoboMemory, mem0, Chroma, LanceDB and plain FAISS, each in a process of its own that is driven through a pipe
(:mod:`vista_bench.peers.drivers.protocol`), so that its memory is its own and it can be killed. Vectors are
made once and handed over: no figure holds the time of embedding. A row that is finished is kept in the
folder of the results and not measured again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import robomemory
from robomemory.embed.available import default_embedder
from vista.errors import ConfigError
from vista_bench.fingerprint import file_digest, fingerprint, folder_digest
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.peers.corpus import make_corpus
from vista_bench.peers.driver_process import PeerDriverError
from vista_bench.peers.systems import SYSTEMS, ComparedSystem
from vista_bench.peers.table import markdown
from vista_bench.peers.trial import KILL_NOTES, KILLS, START, PeerTrial, not_measured
from vista_bench.peers.vectors import VectorFile
from vista_bench.report import write_report
from vista_bench.suites.base import AnySuite, BenchSettings, Cell, seeds_of

SIZES = (1_000, 10_000, 100_000)


class PeersCell(AnySuite):
    name = "memory"
    cells = ("peers",)
    methods = tuple(SYSTEMS)
    default_cells = cells
    default_methods = methods
    default_questions = 40  # of each kind; --episodes

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """One row a size and system. A system that is not installed has a row that says so."""
        self.check(settings)
        (seed,) = seeds_of(settings, 1)
        questions = settings.episodes or self.default_questions
        systems = [SYSTEMS[name] for name in dict.fromkeys(settings.methods or self.methods)]
        sizes = sorted(dict.fromkeys(settings.records or SIZES))
        installed = {system.name: system.installed() for system in systems}
        if not any(installed.values()):
            raise ConfigError(f"cell peers: {', '.join(installed)} not installed; {systems[0].set_up}")
        progress.start(len(sizes) * len(systems), 0)
        (out / "rows").mkdir(parents=True, exist_ok=True)
        embedder = default_embedder()
        file = VectorFile(out / "vectors", embedder)
        found: list[Cell] = []
        for size in sizes:
            corpus = make_corpus(size, KILLS * KILL_NOTES, questions, seed)
            new, spent = file.add([START, *corpus.texts()])
            embedding: Cell = {"embedding_ms": file.one_ms([each.question for each in corpus.asked[:20]])}
            if new:
                embedding |= {"embedded": new, "embedding_s": round(spent, 1)}
            for system in systems:
                job = EpisodeJob("peers", system.name, size)
                head: Cell = {"cell": "peers", "method": system.name}
                version = installed[system.name]
                if version is None:
                    why = f"not installed; {system.set_up}"
                    found.append({**head, **not_measured(size, why)})
                    progress.step(job, False)
                    continue
                kept = out / "rows" / f"{system.name}-{size}.json"
                mark = self._mark(system, version, size, seed, questions, embedder.name)
                row = _read(kept, mark)
                if row is None:
                    folder = out / f"store-{system.name}-{size}"
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir(parents=True)
                    try:
                        row = PeerTrial(system, corpus, file, folder, seed).run() | embedding
                    except PeerDriverError as error:
                        found.append({**head, **not_measured(size, str(error))})
                        progress.step(job, False)
                        continue
                    shutil.rmtree(folder, ignore_errors=True)
                    write_report({"mark": mark, "row": row}, kept)
                found.append({**head, **_fixed(row)})
                progress.step(job, True)
        (out / "peers.md").write_text(markdown(found) + "\n", encoding="utf-8")
        return found

    def markdown(self, cells: Sequence[Cell]) -> str:
        """The tables of docs/results.md."""
        return markdown([cell for cell in cells if cell["cell"] == "peers"])

    @staticmethod
    def _mark(
        system: ComparedSystem, version: str, size: int, seed: int, questions: int, embedder: str
    ) -> str:
        """What a kept row must agree in: the peers do not change with RoboMemory's code."""
        own = "" if system.package else folder_digest(Path(robomemory.__file__).parent)
        here = Path(__file__).parent
        code = [
            folder_digest(here / "drivers"),
            file_digest(here / "corpus.py"),
            file_digest(here / "trial.py"),
        ]
        told = {"version": version, "size": size, "seed": seed, "questions": questions, "kills": KILLS}
        return fingerprint({**told, "embedder": embedder, "code": code, "own": own})


def _read(path: Path, mark: str) -> Cell | None:
    """The row that is kept in ``path``; None if it is none, or of something else."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    row = kept.get("row") if isinstance(kept, dict) and kept.get("mark") == mark else None
    return row if isinstance(row, dict) else None


def _fixed(row: Cell) -> Cell:
    """The row with what every row has first."""
    first = ("n", "success_rate", "interval")
    return {**{name: row[name] for name in first}, **{k: v for k, v in row.items() if k not in first}}
