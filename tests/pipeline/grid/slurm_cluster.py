"""A SLURM cluster of one node on this machine, with its own ports and files, which root starts.

It needs Debian's packages slurm-wlm and munge; `missing` says what stands in the way.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CPUS = 4  # as SLURM is told: stages of milliseconds can share the two there are
PATIENCE = 60  # seconds
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be no cluster here; None: there can."""
    path = f"/usr/sbin{os.pathsep}{os.environ['PATH']}"
    absent = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if absent:
        return f"no {', '.join(absent)}: `apt-get install slurm-wlm munge`"
    return None if os.geteuid() == 0 else "only root can start slurmd"


@contextmanager
def cluster(folder: Path):
    """Start it; yields the variables under which sbatch, squeue and scontrol speak to it."""
    host, configuration = socket.gethostname().partition(".")[0], folder / "slurm.conf"
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(mode=0o755)
    (folder / "munge/key").write_bytes(os.urandom(128))
    (folder / "munge/key").chmod(0o400)
    configuration.write_text(
        CONFIGURATION.format(host=host, folder=folder, ports=_free_ports(), cpus=CPUS)
    )
    of_munge = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log",
                "seed-file": "seed"}  # fmt: skip
    variables = {**os.environ, "SLURM_CONF": str(configuration)}
    commands = [
        ["munged", "--foreground", "--force",
         *(f"--{option}={folder}/munge/{name}" for option, name in of_munge.items())],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-c"],
    ]  # fmt: skip
    started = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out").open("wb") as out:
                path = f"/usr/sbin{os.pathsep}{os.environ['PATH']}"
                program = shutil.which(command[0], path=path)
                started.append(
                    subprocess.Popen([program, *command[1:]], env=variables, stdout=out, stderr=out)
                )
            if command[0] == "munged":
                _until((folder / "munge/socket").exists, folder)
        _until(lambda: _asked(variables, "sinfo", "-h", "-o", "%t") == "idle", folder)
        yield {"SLURM_CONF": str(configuration)}
    finally:
        _asked(variables, "scancel", "--user=root")
        with suppress(AssertionError):  # a task that outlives slurmd does so for long
            wait_until_empty(variables, 20)
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def wait_until_empty(variables: dict[str, str], seconds: float = 300) -> None:
    """Wait until no job waits or runs."""
    _until(lambda: _asked(variables, "squeue", "-h") == "", None, seconds)


def _asked(variables: dict[str, str], *command: str) -> str | None:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
    return None if done.returncode else done.stdout.strip()


def _until(condition, folder: Path | None, seconds: float = PATIENCE) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            logs = sorted(folder.glob("*.out")) + sorted(folder.glob("*.log")) if folder else []
            raise AssertionError("\n".join(p.read_text(errors="replace")[-2000:] for p in logs))
        time.sleep(0.1)


def _free_ports() -> list[int]:
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
