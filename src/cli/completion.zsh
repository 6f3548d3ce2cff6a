#compdef keymuster
# zsh completion for keymuster, made by: keymuster completion zsh
# What may stand at the cursor is the program's to say; compadd quotes it. Nothing of it is evaluated.
_keymuster() {
    local -a before answer open whole shown
    local line name
    (( CURRENT > 2 )) && before=("${(@)words[2,CURRENT-1]}")
    answer=("${(@f)$(command keymuster completion words zsh -- "${before[@]}" '' "$PREFIX" 2>/dev/null)}")
    for line in "${(@)answer[2,-1]}"; do
        name=${line%%$'\t'*}
        [[ -n $name ]] || continue
        if [[ $name == *[=:.] ]]; then
            open+=("$name")
        else
            whole+=("$name")
            shown+=("${line/$'\t'/  -- }")
        fi
    done
    (( $#open )) && compadd -S '' -a open
    if [[ "$shown" == *'  -- '* ]]; then
        compadd -l -d shown -a whole
    elif (( $#whole )); then
        compadd -a whole
    fi
    if [[ $answer[1] == (files|dirs) ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '--*='
        [[ $PREFIX == *file:* ]] && compset -P '*file:'
        if [[ $answer[1] == dirs ]]; then
            _files -/
        else
            _files
        fi
    fi
}
if [[ $funcstack[1] == _keymuster ]]; then
    _keymuster "$@"
else
    compdef _keymuster keymuster
fi
