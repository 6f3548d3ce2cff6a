<#
.SYNOPSIS
Writes which encryption keys a backup server has, and what uses them, for keymuster import and keymuster vbr reconcile.

.DESCRIPTION
Keys: Id, Description and ModificationDateUtc of each, and nothing else; never EncryptedPassword. JSON, always a list; with -Csv a table.
Consumers (-Consumers FILE): jobs, repositories, tape pools and the configuration backup that use a key, as docs/reference/vbr.md says.
Times are UTC in RFC 3339 whatever the server's culture; the files are UTF-8 without a byte-order mark, and whole or not there. The list of
consumers ends with the configuration backup: where something could not be asked, there is no list.

Much of what tells which job uses which key is not documented by Veeam (`.Info.PwdKeyId`), and may be another in another version.

NOT run against a live backup server, nor on any PowerShell, by those who wrote it: see keymuster-ssh.ps1, which has to lie beside it.

.EXAMPLE
.\export-keys.ps1 -Keys keys.json -Consumers consumers.json
keymuster import keys.json --root mad-main --purpose backup-job -n
keymuster vbr reconcile --file keys.json --consumers consumers.json
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [string] $Keys,
    [string] $Consumers,
    [switch] $Csv
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'keymuster-ssh.ps1')

$invariant = [Globalization.CultureInfo]::InvariantCulture

# A time that is UTC by its name, whatever kind the object says.
function Format-Utc {
    param([datetime] $Time)
    if ($Time.Kind -eq [DateTimeKind]::Local) { $Time = $Time.ToUniversalTime() }
    return $Time.ToString('yyyy-MM-ddTHH:mm:ss.fff', $invariant) + 'Z'
}

# Beside it first, then in its place.
function Write-Whole {
    param([string] $Path, [string] $Text)
    $full = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
    [IO.File]::WriteAllText("$full.new", $Text, (New-Object System.Text.UTF8Encoding $false))
    if ([IO.File]::Exists($full)) { [IO.File]::Delete($full) }
    [IO.File]::Move("$full.new", $full)
}

function Export-Key {
    $rows = @(foreach ($key in @(Get-VBREncryptionKey)) {
            $modified = Get-Property $key 'ModificationDateUtc'
            $at = ''
            if ($null -ne $modified) { $at = Format-Utc $modified }
            [pscustomobject]@{
                Id = [string] (Get-Property $key 'Id'); Description = [string] (Get-Property $key 'Description'); ModificationDateUtc = $at
            }
        })
    if ($Csv) { Write-Whole $Keys ((@($rows | ConvertTo-Csv -NoTypeInformation) -join "`r`n") + "`r`n") }
    else { Write-Whole $Keys ((ConvertTo-Json -InputObject $rows -Depth 3) + "`r`n") }
    return $rows
}

# ---- what uses them ----

$none = [guid]::Empty.ToString()

# $Key: nothing, or an object with Id and perhaps Description.
function New-Consumer {
    param([string] $Consumer, $Object, $Key)
    $id = [string] (Get-Property $Key 'Id')
    if (-not $id) { $id = $none }
    [pscustomobject]@{
        Consumer = $Consumer; Name = [string] (Get-Property $Object 'Name'); Id = [string] (Get-Property $Object 'Id'); KeyId = $id
        KeyDescription = [string] (Get-Property $Key 'Description'); SeenUtc = (Format-Utc ([datetime]::UtcNow))
    }
}

# The key of options that have a switch and a key; none while the switch is off. Without a switch the key speaks for itself.
function Get-KeyOf {
    param($Options, [string] $Switch, [string] $Member)
    $on = Get-Property $Options $Switch
    if ($null -ne $on -and -not $on) { return $null }
    return Get-Property $Options $Member
}

function Get-KeyOfJob {
    param($Job)
    $storage = Get-Property (Get-Property $Job 'Options') 'BackupStorageOptions'
    $on = Get-Property $storage 'StorageEncryptionEnabled'
    if ($null -ne $on -and -not $on) { return $null }
    return [pscustomobject]@{ Id = (Get-Property (Get-Property $Job 'Info') 'PwdKeyId') }
}

function Test-Cmdlet {
    param([string] $Name)
    if ($null -ne (Get-Command -Name $Name -ErrorAction SilentlyContinue)) { return $true }
    Write-Warning "$Name is not there; what it would tell is not in the list"
    return $false
}

function Get-JobConsumer {
    if (Test-Cmdlet 'Get-VBRJob') {
        foreach ($job in @(Get-VBRJob)) { New-Consumer 'job' $job (Get-KeyOfJob $job) }
    }
    if (Test-Cmdlet 'Get-VBRBackupCopyJob') {
        foreach ($job in @(Get-VBRBackupCopyJob)) {
            New-Consumer 'job' $job (Get-KeyOf (Get-Property $job 'StorageOptions') 'EncryptionEnabled' 'EncryptionKey')
        }
    }
    if (Test-Cmdlet 'Get-VBRComputerBackupJob') {
        foreach ($job in @(Get-VBRComputerBackupJob)) {
            New-Consumer 'job' $job (Get-KeyOf (Get-Property $job 'StorageOptions') 'EncryptionEnabled' 'EncryptionKey')
        }
    }
}

function Get-PlaceConsumer {
    if (Test-Cmdlet 'Get-VBRBackupRepository') {
        foreach ($tiered in @(Get-VBRBackupRepository -ScaleOut)) {
            New-Consumer 'capacity-tier' $tiered (Get-KeyOf $tiered 'EncryptionEnabled' 'EncryptionKey')
            if ($null -ne $tiered.PSObject.Properties['ArchiveTierEncryptionKey']) {
                New-Consumer 'archive-tier' $tiered (Get-KeyOf $tiered 'ArchiveTierEncryptionEnabled' 'ArchiveTierEncryptionKey')
            }
        }
        if (Test-Cmdlet 'Get-VBREPPermission') {
            foreach ($repository in @(Get-VBRBackupRepository)) {
                $permission = Get-VBREPPermission -Repository $repository
                New-Consumer 'repository' $repository (Get-KeyOf $permission 'IsEncryptionEnabled' 'EncryptionKey')
            }
        }
    }
    if (Test-Cmdlet 'Get-VBRTapeMediaPool') {
        foreach ($pool in @(Get-VBRTapeMediaPool)) {
            New-Consumer 'tape-pool' $pool (Get-KeyOf (Get-Property $pool 'EncryptionOptions') 'Enabled' 'Key')
        }
    }
}

function Export-Consumer {
    $seen = @{}
    $rows = @(foreach ($row in @(Get-JobConsumer) + @(Get-PlaceConsumer)) { # some cmdlets tell of the same job
            $same = '{0} {1}' -f $row.Consumer, $row.Id
            if (-not $row.Id -or -not $seen.ContainsKey($same)) {
                $seen[$same] = $true
                $row
            }
        })
    $config = Get-VBRConfigurationBackupJob
    $rows += New-Consumer 'config-backup' $config (Get-KeyOf (Get-Property $config 'EncryptionOptions') 'Enabled' 'Key')
    Write-Whole $Consumers ((ConvertTo-Json -InputObject @($rows) -Depth 3) + "`r`n")
    return $rows
}

try {
    $written = @(Export-Key)
    Write-Verbose "$($written.Count) keys"
    if ($Consumers) {
        $used = @(Export-Consumer)
        Write-Verbose "$($used.Count) consumers"
    }
}
catch { exit (Get-KeymusterStatus $_) }
