# shellcheck shell=bash
# Completion for the dlt tools: source this file, or install it as
# bash-completion/completions/dlt-extract with links for the other tools. The
# options are those that the tool itself lists.
_dlt_tools() {
  local word=${COMP_WORDS[COMP_CWORD]} words='ls info cat verify seal schema why'
  COMPREPLY=()
  if [[ $word == -* ]]; then
    words=$("$1" --list-options 2>/dev/null | cut -f 1-2 | tr '\t' '\n')
  elif [[ $1 != *dlt-package || $COMP_CWORD -ne 1 ]]; then
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _dlt_tools dlt-extract dlt-normalize dlt-load dlt-package
