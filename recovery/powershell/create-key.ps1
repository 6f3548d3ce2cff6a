<#
.SYNOPSIS
Creates an encryption key in the escrow, and only then in the backup server.

.DESCRIPTION
1. keymuster, over SSH, has the KMS generate the key, wraps it under every root key, proves and records it, and copies the record.
2. Only when a copy holds that record does keymuster hand the password over, into a SecureString.
3. Add-VBREncryptionKey, with the description "NAME | WDEK", which is read back and compared.
4. keymuster records the delivery.

Whatever fails, nothing later is done, and the script ends with the status of ssh or keymuster. A key that is in the escrow and not yet in the
backup server, because a former run broke off: run it again with -Resume.

NOT run against a live backup server, nor on any PowerShell, by those who wrote it: see keymuster-ssh.ps1, which has to lie beside it.

.EXAMPLE
.\create-key.ps1 -Server escrow@escrow-mad -Name vbr/config -Purpose config-backup -Root mad-main, fra-main -BackupServer vbr-fra
#>
[CmdletBinding()]
param(
    # [USER@]HOST where keymuster is; ssh knows its host key and logs in by key.
    [Parameter(Mandatory = $true)] [string] $Server,
    [Parameter(Mandatory = $true)] [string] $Name,
    [Parameter(Mandatory = $true)] [ValidateSet('config-backup', 'backup-copy', 'backup-job', 'capacity-tier', 'other')] [string] $Purpose,
    # The root keys to wrap under. The wrap under the first goes into the description: name one at another site first.
    [Parameter(Mandatory = $true)] [string[]] $Root,
    # This backup server, as the record is to call it: a-z 0-9 . _ -
    [Parameter(Mandatory = $true)] [string] $BackupServer,
    [switch] $Resume,
    [string] $Store,
    [string] $Program = 'keymuster',
    [string[]] $SshOption
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'keymuster-ssh.ps1')

try {
    Set-KeymusterServer $Server $Store $Program $SshOption
    if ((Find-VeeamKey $Name).Count -gt 0) { throw (New-KeymusterError "the backup server has a key $Name already" 6) }

    $roots = @()
    foreach ($one in $Root) { $roots += @('--root', $one) }
    $again = @()
    if ($Resume) { $again = @('--if-missing') }
    $created = Invoke-Keymuster (@('-o', 'json', 'create', $Name, '--purpose', $Purpose) + $roots + $again)
    if (-not $created.released) { throw (New-KeymusterError "$Name is recorded, and no copy has that record yet; later: -Resume" 3) }
    $key = '{0}@{1}' -f $created.name, $created.generation
    $shown = Invoke-Keymuster @('-o', 'json', 'show', $key, '--wraps')
    $description = Get-WrapDescription $shown $Root[0]

    $password = Receive-KeymusterPassword @('reveal', $key, '--to', '-', '--handover', $BackupServer, '--reason', 'Add-VBREncryptionKey')
    try { $added = Add-VBREncryptionKey -Password $password -Description $description }
    finally { $password.Dispose() }
    $id = [string] (Get-Property $added 'Id')
    Assert-Description $id $description

    $evidence = "Add-VBREncryptionKey on $BackupServer, key $id; description read back"
    $null = Invoke-Keymuster @('-o', 'json', 'vbr', 'delivered', $key, '--evidence', $evidence)
    [pscustomobject]@{ Key = $key; Id = $id; Description = $description }
}
catch { exit (Get-KeymusterStatus $_) }
