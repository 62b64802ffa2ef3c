#!/usr/bin/env bash
# What the README shows for many machines, as it stands there but for smaller figures: the array script on a cluster of
# one node with a real Slurm, the line for GNU parallel, the command of the Kubernetes job. Their shards make the figure
# that one process makes.
set -u
readme=$(cd "$(dirname "$0")/../.." && pwd)/README.md
. "$(dirname "$0")/checks.sh"
unset SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT SLURM_ARRAY_TASK_MIN SLURM_ARRAY_TASK_STEP
unset JOB_COMPLETION_INDEX JOB_COMPLETION_COUNT
if [[ -n ${QUENCH_SANITIZE:-} ]]; then
  skip 'many machines' 'what runs there is tested by paper_chain_test.sh'
  finish
fi

make_mnist data
ln -s "$train" train
figure=(3a --seeds 2 --epochs-scale 0.004)
smaller() { sed -E "s/3b --seeds 4/${figure[*]}/; s/=1-8\$/=1-4/; s/cpus-per-task=4/cpus-per-task=1/; s/\/8 /\/4 /; s/seq 8/seq 4/; s/\/quench\/train/.\/train/"; }
./train paper "${figure[@]}" --out whole --quiet >whole.txt 2>err.txt || fail 'the figure of one process' "$(cat err.txt)"

# merged: the shards in shards/ make the same figure. They are gone afterwards.
merged() {
  ./train paper "${figure[@]}" --merge shards/* --out merged --quiet &&
    cmp merged/3a.svg whole/3a.svg && cmp merged/3a.html whole/3a.html && cmp merged/3a.csv whole/3a.csv &&
    cmp merged/3a-means.csv whole/3a-means.csv && test "$(ls shards | wc -l)" -eq 4 &&
    test "$(ls -d shards/*/runs/*chain* | wc -l)" -eq 4
  local status=$?
  rm -rf shards merged
  return $status
}

# --- Kubernetes and GNU parallel ------------------------------------------------------------------------------------

pod=$(sed -n "s/^ *command: \[sh, -c, '\(.*\)'\]$/\1/p" "$readme" | smaller)
check 'README has the command of a pod' test -n "$pod"
for index in 0 1 2 3; do
  JOB_COMPLETION_INDEX=$index sh -c "$pod" >pod.txt 2>&1 || fail "pod $index" "$(cat pod.txt)"
done
check 'pods of an indexed job make the shards of a figure' merged
if command -v python3 >/dev/null && python3 -c 'import yaml' 2>/dev/null; then
  sed -n '/^```yaml$/,/^```$/p' "$readme" | sed '1d;$d' >job.yaml
  check 'whose manifest is well formed' python3 -c 'import yaml; yaml.safe_load(open("job.yaml"))'
fi

line=$(grep '^parallel ' "$readme" | smaller)
check 'README has a line for GNU parallel' test -n "$line"
if command -v parallel >/dev/null && parallel --version 2>/dev/null </dev/null | grep -q '^GNU parallel'; then
  eval "$line" >parallel.txt 2>&1 </dev/null || fail 'GNU parallel' "$(cat parallel.txt)"
  check 'GNU parallel makes the shards of a figure' merged
else
  skip 'GNU parallel makes the shards of a figure' 'it is not installed'
fi

# --- Slurm ----------------------------------------------------------------------------------------------------------

name='an array of Slurm makes the shards of a figure'
sed -n '/^#!\/bin\/sh$/,/^```$/p' "$readme" | sed '/^```$/d' | smaller >array.sh
check 'README has an array script' grep -q '^#SBATCH --array=1-4$' array.sh
PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd sbatch sinfo squeue; do
  if ! command -v "$program" >/dev/null; then
    skip "$name" "there is no $program"
    finish
  fi
done

# A cluster of one node, of this user alone.
port=$((20000 + RANDOM % 20000))
daemons=()
stop_cluster() {
  for daemon in "${daemons[@]}"; do kill "$daemon"; done 2>/dev/null
  wait 2>/dev/null
  rm -rf "$work"
}
trap stop_cluster EXIT
chmod 755 "$work"
mkdir state spool munge
chmod 700 munge
head -c 1024 /dev/urandom >munge/key
chmod 600 munge/key
node=$(hostname -s)
cat >slurm.conf <<END
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$node Default=YES State=UP
END
export SLURM_CONF=$work/slurm.conf
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge.socket" --pid-file="$work/munge/pid" \
  --log-file="$work/munge/log" --seed-file="$work/munge/seed" >munged.txt 2>&1 &
daemons+=($!)
await_that $! test -S munge.socket
slurmctld -D -i >slurmctld.txt 2>&1 &
controller=$!
daemons+=($controller)
slurmd -D -N "$node" >slurmd.txt 2>&1 &
daemons+=($!)
# started: whether the node takes work, within 20 seconds.
started() {
  for _ in $(seq 40); do
    [ "$(timeout 5 sinfo -h -o %T 2>/dev/null)" = idle ] && return 0
    sleep 0.5
  done
  return 1
}
if ! started; then
  skip "$name" "it does not start here: $(cat munged.txt slurmctld.txt slurmd.txt | grep -iE 'error|fatal' | tail -n 1)"
  finish
fi

timeout 10 sbatch --output=slurm-%a.txt array.sh >sbatch.txt 2>&1
check 'sbatch takes the array script' test $? -eq 0
queue_is_empty() {
  local queue
  queue=$(timeout 10 squeue -h 2>&1) && [ -z "$queue" ]
}
await_that $controller queue_is_empty
check 'its tasks know their shard' grep -qx 'paper: shard 3/4, from SLURM_ARRAY_TASK_ID' slurm-3.txt
check "$name" merged
finish
