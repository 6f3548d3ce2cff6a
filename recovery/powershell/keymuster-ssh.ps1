<#
.SYNOPSIS
What the other scripts here share: keymuster on another machine, over SSH, and Veeam's encryption keys by their description.

.DESCRIPTION
Dot-sourced by create-key.ps1, rewrap-key.ps1, recover-key.ps1 and export-keys.ps1. Nothing secret is ever an argument, a plain variable or
output: a password is read from ssh character by character into a SecureString.

NOT run against a live backup server, and on no PowerShell at all, by those who wrote it: none runs where keymuster is made. Its grammar is
checked, and the command lines that it sends are run there against the program, over a real sshd. Written for Windows PowerShell 5.1 and
PowerShell 7.
#>

# An error with the exit status that the script is to end with.
function New-KeymusterError {
    param([string] $Message, [int] $Status)
    $failure = New-Object System.InvalidOperationException $Message
    $failure.Data['KeymusterStatus'] = $Status
    return $failure
}

# For a script's catch: says it on standard error and gives the status, that of ssh (255) or of keymuster where it was theirs.
function Get-KeymusterStatus {
    param($Failure)
    [Console]::Error.WriteLine($Failure.Exception.Message)
    if ($Failure.Exception.Data.Contains('KeymusterStatus')) { return [int] $Failure.Exception.Data['KeymusterStatus'] }
    return 1
}

# The member of an object, or nothing where it has none.
function Get-Property {
    param($Object, [string] $Name)
    if ($null -eq $Object) { return $null }
    $property = $Object.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    return $property.Value
}

# A word for the shell at the other end.
function ConvertTo-ShellWord {
    param([string] $Word)
    if ($Word -match '[\x00-\x1f\x7f]') { throw (New-KeymusterError 'a control character in a word of the command' 2) }
    return "'" + $Word.Replace("'", "'\''") + "'"
}

# An argument as programs on Windows, and .NET elsewhere, take their command line apart again.
function ConvertTo-Argument {
    param([string] $Word)
    return '"' + ((($Word -replace '(\\*)"', '$1$1\"') -replace '(\\+)$', '$1$1')) + '"'
}

# ssh to $KeymusterHost with keymuster's words; BatchMode: it asks nothing, and knows the host's key or refuses.
function New-KeymusterProcess {
    param([string[]] $Words)
    $remote = @(ConvertTo-ShellWord $script:KeymusterProgram)
    if ($script:KeymusterStore) { $remote += @('-C', (ConvertTo-ShellWord $script:KeymusterStore)) }
    foreach ($word in $Words) { $remote += ConvertTo-ShellWord $word }
    $arguments = @('-T', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR') + @($script:KeymusterSshOption | Where-Object { $_ }) +
        @('--', $script:KeymusterHost, ($remote -join ' '))
    $start = New-Object System.Diagnostics.ProcessStartInfo
    $start.FileName = 'ssh'
    $start.Arguments = (@($arguments | ForEach-Object { ConvertTo-Argument $_ })) -join ' '
    $start.UseShellExecute = $false
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.StandardOutputEncoding = New-Object System.Text.UTF8Encoding $false
    return [System.Diagnostics.Process]::Start($start)
}

# Whose keymuster: -Server [USER@]HOST of the script that sourced this.
function Set-KeymusterServer {
    param([string] $Server, [string] $Store, [string] $Program, [string[]] $SshOption)
    if ($Server -notmatch '^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$') { throw (New-KeymusterError "no name of a server: $Server" 2) }
    $script:KeymusterHost = $Server
    $script:KeymusterStore = $Store
    $script:KeymusterProgram = $Program
    $script:KeymusterSshOption = $SshOption
}

# keymuster's answer (one JSON document) as an object. -Allow: statuses besides 0 that are no failure. -Text goes to its standard input.
function Invoke-Keymuster {
    param([string[]] $Words, [int[]] $Allow = @(), [string] $Text)
    $process = New-KeymusterProcess $Words
    if ($Text) {
        $bytes = (New-Object System.Text.UTF8Encoding $false).GetBytes($Text)
        $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
        $process.StandardInput.BaseStream.Flush()
    }
    $process.StandardInput.BaseStream.Close() # not the writer: that would add a byte-order mark in some code pages
    $answer = $process.StandardOutput.ReadToEnd()
    $process.WaitForExit()
    $status = $process.ExitCode
    if ($status -ne 0 -and $Allow -notcontains $status) {
        throw (New-KeymusterError "keymuster $($Words[2]) at $($script:KeymusterHost) ended $status" $status)
    }
    if (-not $answer) { throw (New-KeymusterError "keymuster $($Words[2]) answered nothing" 1) }
    return $answer | ConvertFrom-Json
}

# Exactly what keymuster writes, as a SecureString; it never is a string. Anything but status 0 and a password of one line is an error.
function Receive-KeymusterPassword {
    param([string[]] $Words)
    $process = New-KeymusterProcess $Words
    $process.StandardInput.BaseStream.Close()
    $password = New-Object System.Security.SecureString
    $odd = $false
    while (($c = $process.StandardOutput.Read()) -ge 0) {
        if ($c -lt 32 -or $c -eq 127 -or $c -eq 65279 -or $password.Length -ge 4096) { $odd = $true } else { $password.AppendChar([char] $c) }
    }
    $process.WaitForExit()
    if ($process.ExitCode -ne 0 -or $odd -or $password.Length -eq 0) {
        $password.Dispose()
        if ($process.ExitCode -ne 0) {
            throw (New-KeymusterError "keymuster reveal at $($script:KeymusterHost) ended $($process.ExitCode)" $process.ExitCode)
        }
        throw (New-KeymusterError 'what came is not a password of one line' 1)
    }
    $password.MakeReadOnly()
    return $password
}

# ---- Veeam's keys ----

# What stands before the last " | " of a description; the whole where there is none.
function Get-Moniker {
    param([AllowNull()] [string] $Description)
    if (-not $Description) { return '' }
    $at = $Description.LastIndexOf(' | ', [StringComparison]::Ordinal)
    if ($at -lt 0) { return $Description }
    return $Description.Substring(0, $at)
}

# The backup server's keys of exactly this moniker. Every one is looked at: a description may be missing, and two may be equal.
function Find-VeeamKey {
    param([string[]] $Moniker)
    $found = @()
    foreach ($key in @(Get-VBREncryptionKey)) {
        $has = Get-Moniker ([string] (Get-Property $key 'Description'))
        foreach ($wanted in $Moniker) {
            if ([string]::Equals($has, $wanted, [StringComparison]::Ordinal)) {
                $found += $key
                break
            }
        }
    }
    return , $found
}

# The description as the server has it now must be the one that was given: one that was cut opens nothing one day.
function Assert-Description {
    param([string] $Id, [string] $Description)
    $there = @(@(Get-VBREncryptionKey) | Where-Object { [string] (Get-Property $_ 'Id') -eq $Id })
    if ($there.Count -ne 1) { throw (New-KeymusterError "the backup server does not have key $Id" 1) }
    $has = [string] (Get-Property $there[0] 'Description')
    if (-not [string]::Equals($has, $Description, [StringComparison]::Ordinal)) {
        throw (New-KeymusterError ("key $Id is in the backup server with another description than it was given, of $($has.Length) characters " +
                "instead of $($Description.Length): nothing may use it before that is right") 1)
    }
}

# NAME | WDEK, from the second generation on NAME@GEN | WDEK: the newest wrap in force under that root key.
function Get-WrapDescription {
    param($Shown, [string] $Root)
    $wraps = @($Shown.wraps | Where-Object { -not $_.retired -and $_.root -ceq $Root })
    if ($wraps.Count -eq 0) { throw (New-KeymusterError "$($Shown.name) has no wrap under root key $Root" 13) }
    $name = $Shown.name
    if ($Shown.generation -gt 1) { $name = '{0}@{1}' -f $Shown.name, $Shown.generation }
    return '{0} | {1}' -f $name, $wraps[0].ciphertext
}
