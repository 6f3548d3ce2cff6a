<#
.SYNOPSIS
Renews the wrap of a key after its root key was rotated, and puts the new one into the backup server's description.

.DESCRIPTION
keymuster rewraps and records first; former wraps stay in the escrow, where files with the former description still need them. Then
Set-VBREncryptionKey changes the description, of the one key object that is meant, and it is read back. The password does not change, and is
not shown.

A description whose wrap the escrow does not know is left as it is (6), for it may say where another password is; so are two keys of one name.

NOT run against a live backup server, nor on any PowerShell, by those who wrote it: see keymuster-ssh.ps1, which has to lie beside it.

.EXAMPLE
.\rewrap-key.ps1 -Server escrow@escrow-mad -Name vbr/config -Root mad-main
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [string] $Server,
    # NAME, or NAME@GEN for an older generation.
    [Parameter(Mandatory = $true)] [string] $Name,
    # The root key whose wrap goes into the description.
    [Parameter(Mandatory = $true)] [string] $Root,
    [string] $Store,
    [string] $Program = 'keymuster',
    [string[]] $SshOption
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'keymuster-ssh.ps1')

try {
    Set-KeymusterServer $Server $Store $Program $SshOption
    # 3: some wraps could not be renewed now; what there is, is right.
    $null = Invoke-Keymuster @('-o', 'json', 'rewrap', $Name) -Allow 3
    $shown = Invoke-Keymuster @('-o', 'json', 'show', $Name, '--wraps')
    $description = Get-WrapDescription $shown $Root

    $monikers = @('{0}@{1}' -f $shown.name, $shown.generation)
    if ($shown.generation -eq 1) { $monikers += $shown.name }
    $keys = Find-VeeamKey $monikers
    if ($keys.Count -eq 0) { throw (New-KeymusterError "the backup server has no key $($monikers -join ' or ')" 13) }
    if ($keys.Count -gt 1) { throw (New-KeymusterError "the backup server has $($keys.Count) keys $($monikers -join ' or ')" 6) }
    $former = [string] (Get-Property $keys[0] 'Description')
    $wdek = $former.Substring($former.LastIndexOf(' | ', [StringComparison]::Ordinal) + 3)
    if (@($shown.wraps | Where-Object { $_.ciphertext -ceq $wdek }).Count -eq 0) {
        throw (New-KeymusterError "the wrap in the description of $($monikers[0]) is none that the escrow knows; nothing was changed" 6)
    }
    $id = [string] (Get-Property $keys[0] 'Id')
    if (-not [string]::Equals($former, $description, [StringComparison]::Ordinal)) {
        $null = Set-VBREncryptionKey -EncryptionKey $keys[0] -Description $description
        Assert-Description $id $description
    }
    [pscustomobject]@{ Key = $monikers[0]; Id = $id; Description = $description }
}
catch { exit (Get-KeymusterStatus $_) }
