#!/usr/bin/env bash
# A job under SLURM that outlives time limits and preemption. The words after the run folder
# are those of nqs itself:
#
#     sbatch scripts/slurm.sh runs/ising-100 ground-state configs/ising_chain_100.toml
#     sbatch --time=12:00:00 --export=ALL,NQS_TIME_LIMIT=11h50m scripts/slurm.sh runs/w5 tomography w_5.h5
#
# The first turn begins the run and every later one resumes it. A turn that the clock or a
# preemption ended (exit status 75) is queued again.
#SBATCH --time=01:00:00
#SBATCH --cpus-per-task=2
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --open-mode=append
set -uo pipefail

if [ "$#" -lt 2 ]; then
  echo "usage: sbatch slurm.sh RUN JOB WORDS…, such as: slurm.sh runs/a ground-state a.toml" >&2
  exit 2
fi
run=$1
shift
limit=${NQS_TIME_LIMIT:-57m}

if [ -e "$run/config.toml" ]; then
  srun nqs resume "$run" --time-limit "$limit"
elif [ -e "$run/begun.json" ]; then # cut off while it began: there is nothing to lose
  srun nqs "$@" --out "$run" --time-limit "$limit" --overwrite
else
  srun nqs "$@" --out "$run" --time-limit "$limit"
fi
status=$?
if [ "$status" -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
