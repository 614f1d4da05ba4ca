#!/usr/bin/env bash
# A throw-away Slurm cluster on one machine, for the tests: a controller and a few node daemons,
# without systemd and without accounting. Needs root, on a machine that belongs to no real cluster.
#
#   slurm_up.sh install            Debian packages through apt-get
#   slurm_up.sh up | down          start, or stop and forget; each may be repeated
#   slurm_up.sh status
#   slurm_up.sh crash NODE         the node loses its daemon and every process of its jobs
#   slurm_up.sh repair NODE        and comes back
set -euo pipefail

# The one place where every client looks: the Slurm executor drops SLURM_CONF inside a job.
CONFIGURATION=/etc/slurm/slurm.conf
OURS="# written by EdgeINT8's slurm_up.sh"
STATE=${SLURM_STATE:-/var/lib/edgeint8-slurm}
NODES=${SLURM_NODES:-3} CPUS=${SLURM_NODE_CPUS:-4} MEMORY_MB=${SLURM_NODE_MEM:-16000}
HOST=$(uname -n | cut -d . -f 1)
PATH=$PATH:/usr/sbin

die() {
    echo "slurm_up.sh: $*" >&2
    tail -n 15 "$STATE"/log/*.log >&2 2>/dev/null || true
    exit 1
}

# wait_for SECONDS WHAT COMMAND...
wait_for() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || die "waited in vain for $what"
        sleep 0.2
    done
}

running() { [ -s "$STATE/$1.pid" ] && kill -0 "$(cat "$STATE/$1.pid")" 2>/dev/null; }

stop() { # stop DAEMON [SIGNAL]
    running "$1" || return 0
    kill "-${2:-TERM}" "$(cat "$STATE/$1.pid")"
    for _ in $(seq 100); do running "$1" || break; sleep 0.1; done
    rm -f "$STATE/$1.pid"
}

install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge procps
}

write_configuration() {
    cat <<END
$OURS
ClusterName=edgeint8
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$STATE/munge.socket
CredType=cred/munge
AccountingStorageType=accounting_storage/none
StateSaveLocation=$STATE/state
SlurmdSpoolDir=$STATE/spool-%n
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/%n.pid
SlurmctldLogFile=$STATE/log/slurmctld.log
SlurmdLogFile=$STATE/log/%n.log
SlurmctldPort=16917
# No cgroups, which a container may refuse. Memory is watched by polling instead: a job that takes
# more than it asked for is killed, as on a real cluster.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill,UsePss
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=2,bf_interval=2
# The node daemons trust the sizes below rather than those of the machine they share.
SlurmdParameters=config_overrides
SlurmctldParameters=idle_on_node_suspend
ReturnToService=2
SlurmdTimeout=20
KillWait=5
MpiDefault=none
END
    local i
    for i in $(seq "$NODES"); do
        echo "NodeName=node$i NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$((16917 + i))" \
            "CPUs=$CPUS RealMemory=$MEMORY_MB"
    done
    echo "PartitionName=main Nodes=ALL Default=YES MaxTime=1-00:00:00 DefaultTime=00:30:00"
}

start_munge() {
    running munged && return
    [ -s "$STATE/munge.key" ] ||
        (umask 077 && dd if=/dev/urandom of="$STATE/munge.key" bs=128 count=1 status=none)
    munged --force --socket="$STATE/munge.socket" --key-file="$STATE/munge.key" \
        --pid-file="$STATE/munged.pid" --log-file="$STATE/log/munged.log" \
        --seed-file="$STATE/munge.seed" || die "munged does not start"
    wait_for 10 munge sh -c "munge --socket='$STATE/munge.socket' --no-input"
}

start_node() {
    mkdir -p "$STATE/spool-$1"
    running "$1" || slurmd -N "$1" || die "the daemon of $1 does not start"
}

ours() { head -n 1 $CONFIGURATION 2>/dev/null | grep -qxF "$OURS"; }

every_node_is_up() { [ "$(sinfo -h -N -t idle,mix,alloc -o %N | sort -u | wc -l)" = "$NODES" ]; }

up() {
    for daemon in munged slurmctld slurmd sbatch; do
        command -v $daemon >/dev/null || die "$daemon is not installed; run: $0 install"
    done
    [ ! -e $CONFIGURATION ] || ours || die "$CONFIGURATION belongs to a real cluster"
    mkdir -p "$STATE"/{log,state} /etc/slurm
    write_configuration >"$STATE/slurm.conf"
    if ! cmp -s "$STATE/slurm.conf" $CONFIGURATION; then
        stop_daemons
        cp "$STATE/slurm.conf" $CONFIGURATION
    fi
    getent hosts "$HOST" >/dev/null || echo "127.0.0.1 $HOST" >>/etc/hosts # steps call back by name
    start_munge
    running slurmctld || slurmctld || die "slurmctld does not start"
    wait_for 30 slurmctld sh -c 'scontrol ping | grep -q "is UP"'
    for i in $(seq "$NODES"); do start_node "node$i"; done
    wait_for 60 "$NODES idle nodes" every_node_is_up
    wait_for 30 "a first job" timeout 20 srun -n1 -t1 true
}

stop_daemons() {
    local i
    for i in $(seq "$NODES"); do stop "node$i"; done
    stop slurmctld
    stop munged
}

down() {
    ours || return 0
    scancel --user=root 2>/dev/null || true
    stop_daemons
    rm -rf "$STATE" $CONFIGURATION
}

end_tree() { # the process and all its descendants, at once
    kill -STOP "$1" 2>/dev/null || return 0
    local child
    for child in $(pgrep -P "$1"); do end_tree "$child"; done
    kill -KILL "$1" 2>/dev/null || true
}

crash() {
    local jobs job step
    jobs=$(squeue -h -t running -w "$1" -o %A)
    stop "$1" KILL
    for job in $jobs; do
        for step in $(pgrep -f "^slurmstepd: \[$job\." || true); do end_tree "$step"; done
    done
    # What the controller finds by itself after SlurmdTimeout.
    scontrol update nodename="$1" state=down reason=crashed
}

repair() { # ReturnToService=2: a node that reports itself is used again
    start_node "$1"
    wait_for 30 "$1 to come back" sh -c "sinfo -h -N -n $1 -t idle,mix,alloc | grep -q ."
}

[ "$(id -u)" = 0 ] || die "needs root"
case "${1:-}" in
    install) install_packages ;;
    up | down) "$1" ;;
    status) sinfo -N -l; squeue ;;
    crash | repair) "$1" "${2:?which node}" ;;
    *) sed -n '2,/^set/p' "$0" | sed '$d' >&2; exit 2 ;;
esac
