#!/usr/bin/env python3
# fmt: off
#SBATCH --job-name=qnetsim
#SBATCH --time=24:00:00
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
# fmt: on
"""Collects a study with workers that SLURM starts: sbatch slurm_study.py STUDY STORE.

This job holds the scheduler and the store; each worker is a job of its own. Submit it with the
Python that has qnetsim and its extra ``cluster`` first in PATH. When its time is up, submit it
again: it goes on.
"""

import subprocess
import sys

from dask_jobqueue import SLURMCluster

JOBS = 16
CORES = 8  # of each job, one worker process a core
OPTIONS = {
    "queue": "normal",
    "account": None,
    "memory": "16GB",
    "walltime": "04:00:00",
    "worker_extra_args": ["--lifetime", "225m", "--lifetime-stagger", "10m"],  # before walltime
}


def main() -> int:
    study, store = sys.argv[1:]
    with SLURMCluster(cores=CORES, processes=CORES, **OPTIONS) as cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=JOBS)
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        command = ["qnetsim", "collect", study, "--resume", store, "--executor", address]
        return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
