# Bash completion for revertctl. Verbs and options come from its own help; names of rules, repositories and incidents
# from the daemon, where one answers.

# _revertctl_ask VERB…: what the daemon says, without a word of complaint.
_revertctl_ask() {
        "${COMP_WORDS[0]}" --timeout=2s "$@" 2>/dev/null
}

# The options of a verb, or of the program; those that take a value end in "=".
_revertctl_options() {
        "${COMP_WORDS[0]}" "$@" --help 2>/dev/null | sed -nE 's/^ +(-[a-z], )?(--[a-z][a-z.-]*=?).*$/\2/p'
}

_revertctl_verbs() {
        "${COMP_WORDS[0]}" --help 2>/dev/null | sed -nE '/^Verbs:/,/^$/ s/^  ([a-z-]+) .*/\1/p'
}

# The first column of a table, up to its end.
_revertctl_names() {
        _revertctl_ask "$@" | sed -n '2,${/^$/q;s/ .*//p}'
}

# _revertctl_value OPTION: what may follow it.
_revertctl_value() {
        case $1 in
        -o | --output)
                if [[ " ${COMP_WORDS[*]} " == *" backtest "* ]]; then echo "table json html"; else echo "table json"; fi
                ;;
        --state)
                echo "open ended confirming attributing holding reverting proposed converging verifying recovered" \
                        "reverted cleared declined rejected unrecovered failed"
                ;;
        --rule) _revertctl_names rules ;;
        -r | --repository) _revertctl_ask status | sed -n '/^REPOSITORY/,/^$/{/^REPOSITORY/d;/^$/d;s/ .*//p}' ;;
        --for) echo "30m 1h 2h 8h 1d" ;;
        --last) echo "1d 7d 30d" ;;
        esac
}

_revertctl() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
        local option="" verb="" i word options
        COMPREPLY=()

        # bash splits "--state=open" in three.
        if [[ $current == "=" ]]; then
                option=$previous current=""
        elif [[ $previous == "=" ]]; then
                option=${COMP_WORDS[COMP_CWORD - 2]}
        elif [[ $previous == -* ]]; then
                option=$previous
        fi

        options=$(_revertctl_options)
        for ((i = 1; i < COMP_CWORD; i++)); do
                word=${COMP_WORDS[i]}
                if [[ $word == "=" ]]; then
                        i=$((i + 1)) # its value
                elif [[ $word == -o || ($word == --* && $'\n'$options$'\n' == *$'\n'"$word="$'\n'*) ]]; then
                        [[ ${COMP_WORDS[i + 1]} == "=" ]] || i=$((i + 1))
                elif [[ $word != -* ]]; then
                        verb=$word
                        break
                fi
        done
        [[ -z $verb ]] || options=$(_revertctl_options "$verb")

        if [[ -n $option && ($option == -[or] || $'\n'$options$'\n' == *$'\n'"$option="$'\n'*) ]]; then
                case $option in
                --config.file | --token-file | --ca-file | --git.program | --socket | --file) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
                --storage.path) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
                *) mapfile -t COMPREPLY < <(compgen -W "$(_revertctl_value "$option")" -- "$current") ;;
                esac
                return
        fi
        if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
                [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
                return
        fi
        case $verb in
        "") mapfile -t COMPREPLY < <(compgen -W "$(_revertctl_verbs)" -- "$current") ;;
        help) mapfile -t COMPREPLY < <(compgen -W "$(_revertctl_verbs)" -- "$current") ;;
        rules | explain | backtest) mapfile -t COMPREPLY < <(compgen -W "$(_revertctl_names rules)" -- "$current") ;;
        show) mapfile -t COMPREPLY < <(compgen -W "$(_revertctl_names incidents --limit=100)" -- "$current") ;;
        approve | reject)
                mapfile -t COMPREPLY < <(compgen -W "$(_revertctl_names incidents --state=open --limit=100)" -- "$current")
                ;;
        check-config | test) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
        esac
}

complete -F _revertctl revertctl
