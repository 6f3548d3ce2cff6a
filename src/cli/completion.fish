# fish completion for keymuster, made by: keymuster completion fish
# What may stand at the cursor is the program's to say; fish quotes it. Nothing of it is evaluated.
function __keymuster_words
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -e before[1]
    set -l answer (command keymuster completion words fish -- $before '' "$current" 2>/dev/null)
    set -l more $answer[1]
    set -e answer[1]
    for line in $answer
        echo -- $line
    end
    if contains -- "$more" files dirs
        set -l rest (string replace -r '^(--[a-z-]+=)?(([a-z0-9._-]+=)?file:)?' '' -- "$current")
        set -l fixed (string sub -l (math (string length -- "$current") - (string length -- "$rest")) -- "$current")
        for path in (__fish_complete_path "$rest")
            echo -- $fixed$path
        end
    end
end
complete -c keymuster -f -a '(__keymuster_words)'
