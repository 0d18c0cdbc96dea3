# Completion for the dlt tools in fish. Options, commands and pipelines are those
# that the tools themselves list.
for tool in dlt-extract dlt-normalize dlt-load dlt-package
    command -q $tool; or continue
    $tool --list-options 2>/dev/null | while read -d \t -l letter name arg text key
        string match -q -- '--*' $name; or continue
        set -l words -c $tool -l (string sub -s 3 -- $name) -d "$text"
        test -n "$letter"; and set -a words -s (string sub -s 2 -- $letter)
        if test "$name" = --pipeline
            complete $words -x -a "(dlt-package --list-pipelines 2>/dev/null)"
        else if test -n "$arg"
            complete $words -r
        else
            complete $words
        end
    end
end
complete -c dlt-package -n 'test (count (commandline -opc)) -eq 1' -f \
    -a '(dlt-package --list-commands 2>/dev/null)'
