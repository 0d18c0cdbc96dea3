# shellcheck shell=bash
# Completion for the dlt tools: source this file. Options, commands and pipelines
# are those that the tools themselves list.
_dlt_tools() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words
  COMPREPLY=()
  if [[ $before == -p || $before == --pipeline ]]; then
    words=$(dlt-package --list-pipelines 2>/dev/null)
  elif [[ $word == -* ]]; then
    words=$("$1" --list-options 2>/dev/null | cut -f 1-2 | tr '\t' '\n')
  elif [[ $1 == *dlt-package && $COMP_CWORD -eq 1 ]]; then
    words=$("$1" --list-commands 2>/dev/null)
  else
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _dlt_tools dlt-extract dlt-normalize dlt-load dlt-package
