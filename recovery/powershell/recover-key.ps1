<#
.SYNOPSIS
Gets a key back at the remote site, and hands it to the backup server there without showing it.

.DESCRIPTION
From the escrow at that site, over SSH (-Server), or from a copy, its KEYS.txt or an export, where no keymuster is left (-Offline, by
unwrap-offline.ps1 beside it: only the KMS is needed).

With -Backup NAME the password goes to that encrypted backup, whose hint tells which key it is; else it is added as a key of the backup server
with -Description; with neither it comes back as a SecureString. The password of a configuration backup is asked for by a wizard, which no
script can fill in: keymuster reveal shows that one.

Set-VBREncryptedBackupPassword takes a plain string. It is one for that statement, and where parameters of cmdlets are logged it stands in
that log: replace that key afterwards (keymuster rekey).

NOT run against a live backup server, nor on any PowerShell, by those who wrote it: see keymuster-ssh.ps1, which has to lie beside it.

.EXAMPLE
.\recover-key.ps1 -Server escrow@escrow-mad -Backup 'SQL nightly' -BackupServer vbr-mad -Reason 'site fra lost'

.EXAMPLE
.\recover-key.ps1 -Offline E:\escrow -Key vbr/job-sql -Description 'vbr/job-sql'
#>
[CmdletBinding(DefaultParameterSetName = 'Server')]
param(
    [Parameter(Mandatory = $true, ParameterSetName = 'Server')] [string] $Server,
    [Parameter(Mandatory = $true, ParameterSetName = 'Offline')] [string] $Offline,
    # NAME, NAME@GEN or UUID. Not needed with -Server and -Backup.
    [string] $Key,
    # An encrypted backup, as Get-VBREncryptedBackup names it.
    [string] $Backup,
    [string] $Description,
    [Parameter(Mandatory = $true, ParameterSetName = 'Server')] [string] $BackupServer,
    [Parameter(Mandatory = $true, ParameterSetName = 'Server')] [string] $Reason,
    [Parameter(ParameterSetName = 'Server')] [string] $Store,
    [Parameter(ParameterSetName = 'Server')] [string] $Program = 'keymuster',
    [Parameter(ParameterSetName = 'Server')] [string[]] $SshOption
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'keymuster-ssh.ps1')

try {
    $encrypted = $null
    if ($Backup) {
        $encrypted = @(Get-VBREncryptedBackup -Name $Backup)
        if ($encrypted.Count -ne 1) { throw (New-KeymusterError "the backup server has $($encrypted.Count) encrypted backups $Backup" 13) }
    }
    if ($Offline) {
        if (-not $Key) { throw (New-KeymusterError '-Offline wants -Key: the hint of the backup names it' 2) }
        $password = & (Join-Path $PSScriptRoot 'unwrap-offline.ps1') -Source $Offline -Key $Key
    }
    else {
        Set-KeymusterServer $Server $Store $Program $SshOption
        if (-not $Key) {
            if ($null -eq $encrypted) { throw (New-KeymusterError 'which key? -Key, or -Backup' 2) }
            $hint = [string] (Get-Property (Get-VBREncryptedBackupHint -Backup $encrypted[0]) 'Hint')
            $told = Invoke-Keymuster @('-o', 'json', 'identify', '-') -Text $hint
            $Key = $told.items[0].key
        }
        $password = Receive-KeymusterPassword @('reveal', $Key, '--to', '-', '--handover', $BackupServer, '--reason', $Reason)
    }
    if ($null -eq $password -or $password.Length -eq 0) { throw (New-KeymusterError "no password of $Key came" 1) }
    if ($null -ne $encrypted) {
        $at = [Runtime.InteropServices.Marshal]::SecureStringToBSTR($password)
        try { $null = Set-VBREncryptedBackupPassword -Backup $encrypted[0] -Password ([Runtime.InteropServices.Marshal]::PtrToStringBSTR($at)) }
        finally {
            [Runtime.InteropServices.Marshal]::ZeroFreeBSTR($at)
            $password.Dispose()
        }
    }
    elseif ($Description) {
        try { $null = Add-VBREncryptionKey -Password $password -Description $Description }
        finally { $password.Dispose() }
    }
    else { $password }
}
catch { exit (Get-KeymusterStatus $_) }
