# bash completion for keymuster, made by: keymuster completion bash
# What may stand at the cursor is the program's to say, names quoted as they must be typed; nothing of it is evaluated.
_keymuster() {
    local rest=${COMP_LINE:0:COMP_POINT} before word i head='' tail=''
    local -a words=() answer=()
    COMPREPLY=()
    # bash cuts words at "=", ":" and "@", too: what has no blank in between is put together again. head is what bash
    # leaves as it stands, tail what it replaces.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        before=$rest
        rest=${rest#"${rest%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            word=$rest
        elif [[ $rest != "$word"* ]]; then
            return
        fi
        head=''
        if ((i > 0)) && [[ $before == "$rest" ]]; then
            head=${words[-1]}
            words[-1]+=$word
        else
            words+=("$word")
        fi
        tail=$word
        rest=${rest#"$word"}
    done
    if [[ $tail =~ ^[=:]+$ ]]; then
        head+=$tail tail=''
    fi
    mapfile -t answer < <(command keymuster completion words bash -- \
        "${words[@]:1:${#words[@]}-2}" "$head" "$tail" 2>/dev/null)
    COMPREPLY=("${answer[@]:1}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:.] ]]; then
        compopt -o nospace
    fi
    case ${answer[0]-} in
    files) compopt -o default ;;
    dirs) compopt -o dirnames ;;
    esac
}
complete -F _keymuster keymuster
