# Runs named steps, later ones also after one has failed, and says at the end which did. To be sourced.
passed=0
failed=()

# step TITLE COMMAND…
step() {
  local title=$1 code=0 start=$SECONDS
  shift
  printf '\n=== %s\n' "$title"
  # Not `if (...)`: inside a condition bash ignores -e.
  set +e
  (set -e; "$@")
  code=$?
  set -e
  if ((code == 0)); then
    passed=$((passed + 1))
    printf '=== %s: passed, %d s\n' "$title" $((SECONDS - start))
  else
    failed+=("$title")
    printf '=== %s: FAILED, %d s\n' "$title" $((SECONDS - start))
  fi
}

# The last command of a script: its result is the script's.
summary() {
  printf '\n%d s in all; of the processor, user and system, this script and all that it ran:\n' "$SECONDS"
  times
  ((${#failed[@]} == 0)) || printf 'failed: %s\n' "${failed[@]}"
  printf '%d passed, %d failed\n' "$passed" "${#failed[@]}"
  ((${#failed[@]} == 0))
}
