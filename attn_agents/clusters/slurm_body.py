"""The part of a batch script that is the same for every job.

It starts the run by srun, one task on each node, and looks at what it ends
with. The part before it says which run that is. Each note is a line of
`<job>.events`, which `slurm_jobs` reads.
"""

# A task that does not end is left so long after the first one's end. A run
# waits for its bucket for 600 seconds, and its other hosts do not.
_STRAGGLER_SECONDS = 900

# Exit codes of a run that the machine has stopped: saved and to be continued,
# or ended by SIGHUP, SIGUSR1 or SIGTERM before it had anything to save.
STOPPED = (75, 129, 138, 143)

TEXT = f"""\
# From here on the script is the same for every run.

progress=$records/$job.progress
events=$records/$job.events

# launch/slurm.py --status reads these lines, too. It starts no process, which a
# signal to all processes of the job would end.
note() {{
  local line TZ=UTC
  printf -v line '%(%Y-%m-%dT%H:%M:%SZ)T %s' -1 "$*"
  echo "$line"
  echo "$line" >> "$events"
}}

# Starts in a row that brought no new checkpoint are counted in a file. The name
# of a checkpoint is the learner's step.
before=- idle=0
[ -f "$progress" ] && read -r before idle < "$progress"
note_progress() {{
  local newest
  newest=$(ls "$checkpoints" 2> /dev/null | grep -Ex '[0-9]+' | sort -n \\
    | tail -n 1)
  if [ -n "$newest" ] && [ "$newest" != "$before" ]; then
    before=$newest idle=0
  fi
  echo "$before $idle" > "$progress"
}}
fail_if_idle() {{
  if [ "$idle" -ge "$most_idle" ]; then
    note "failed: $idle starts in a row brought no new checkpoint"
    exit 1
  fi
}}

note_progress
if [[ $(tail -n 1 "$events" 2> /dev/null) == *' started on '* ]]; then
  note "the last start was cut off: what followed checkpoint $before is lost"
fi
fail_if_idle
note "started on $SLURM_JOB_NODELIST, restart ${{SLURM_RESTART_COUNT:-0}}," \\
  "checkpoint $before"
idle=$((idle + 1))
echo "$before $idle" > "$progress"
if ! command -v scontrol > /dev/null; then
  note 'no scontrol on this node, so the job cannot requeue itself; an' \\
    'administrator can set RequeueExit=75 in slurm.conf instead'
fi

# Slurm sends USR1 to this script only, when the time limit is near, and TERM to
# this script and the run. Nobody tells a job that a node of it is drained.
save() {{
  note "told to save: $1"
  kill -USR1 "$step" 2> /dev/null
}}
trap 'save "the time limit is near"' USR1
trap 'save "a node is drained"' USR2
trap 'note "told to end"' TERM
watch_nodes() {{
  trap 'kill $!; exit' TERM
  while sleep "$look_seconds" & wait $!; do
    case $(sinfo --noheader --nodes="$SLURM_JOB_NODELIST" --format=%T) in
      *drain*) kill -USR2 $$; return ;;
    esac
  done
}}

run() {{
  srun --nodes="$SLURM_NNODES" --ntasks-per-node=1 \\
    ${{SLURM_CPUS_PER_TASK:+--cpus-per-task=$SLURM_CPUS_PER_TASK}} \\
    --kill-on-bad-exit=0 --wait={_STRAGGLER_SECONDS} --label \\
    "$@" < /dev/null &
  step=$!
  # A signal ends `wait` before the run ends.
  while kill -0 "$step" 2> /dev/null; do wait "$step"; done
  wait "$step"
}}

watch_nodes < /dev/null > /dev/null 2>&1 &
watch=$!
run "${{command[@]}}"
code=$?
if [ $code = 0 ] && [ ${{#afterwards[@]}} -gt 0 ]; then
  note 'trained'
  run "${{afterwards[@]}}"
  code=$?
fi
kill "$watch" 2> /dev/null
note_progress

# 75: stopped, and saved. The others: stopped before there was anything to save.
case $code in
  {' | '.join(map(str, STOPPED))}) ;;
  *) note "ended with $code"; exit "$code" ;;
esac
about=$(scontrol show job "$SLURM_JOB_ID" 2> /dev/null)
case $about in
  '' | *JobState=RUNNING* | *Reason=TimeLimit* | *PreemptTime=[0-9]*)
    fail_if_idle
    if command -v scontrol > /dev/null; then
      # What follows a success may not be reached.
      note "ended with $code, requeued"
      scontrol requeue "$job" && exit "$code"
    fi
    note "ended with $code, could not requeue itself"
    ;;
  *" Restarts=${{SLURM_RESTART_COUNT:-0}} "*)
    note "ended with $code, cancelled"
    ;;
  *)  # By `scontrol requeue`, or since a node is lost.
    note "ended with $code, requeued by Slurm"
    ;;
esac
exit "$code"
"""
