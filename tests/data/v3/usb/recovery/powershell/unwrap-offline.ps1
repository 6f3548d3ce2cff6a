<#
.SYNOPSIS
Gets the password of a backup key back from IBM Key Protect or HPCS without keymuster.

.DESCRIPTION
Reads a copy of the escrow (its folder), its recovery\KEYS.txt, or a file made by `keymuster export`, and unwraps the key
in the KMS that is named there. The API key needs the role Reader, and no more. By default the password comes back as a
SecureString, for Add-VBREncryptionKey -Password; -Show writes it on the screen, -To into a new file.

The source is not checked for forgery here (docs/reference/formats.md has a script that does). A forged one cannot get the
API key, which goes to IBM's hosts and to those you name only. The check value is not compared: PowerShell has no BLAKE2b.

Do not run it under Start-Transcript. Written for Windows PowerShell 5.1 and PowerShell 7; not tried on either by those who
wrote it (no PowerShell runs where keymuster is made): only its syntax was checked. The shell script beside it was run.

.EXAMPLE
.\unwrap-offline.ps1 -Source E:\escrow
Lists the keys.

.EXAMPLE
$password = .\unwrap-offline.ps1 -Source E:\escrow -Key vbr/config
Add-VBREncryptionKey -Password $password -Description 'vbr/config'
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true, Position = 0)] [string] $Source,
    [Parameter(Position = 1)] [string] $Key,
    # Asked for when it is not given.
    [Security.SecureString] $ApiKey,
    # The KMS, where it is not the one that the source names; needed for hosts that are not IBM's.
    [string] $Endpoint,
    [string] $Iam = 'https://iam.cloud.ibm.com',
    # Only wraps under this root key.
    [string] $Root,
    [string] $To,
    [switch] $Show
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

# The member of an object, or nothing where it has none.
function Get-Value {
    param($Object, [string] $Name)
    if ($null -eq $Object) { return $null }
    $property = $Object.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    return $property.Value
}

function New-Wrap {
    param($At, $Aad, $Ciphertext, $Root, $Kms)
    [pscustomobject]@{
        At = $At; Aad = @($Aad | Where-Object { $null -ne $_ }); Ciphertext = $Ciphertext
        Id = (Get-Value $Root 'id'); Ring = (Get-Value $Root 'ring')
        Kms = (Get-Value $Kms 'name'); Provider = (Get-Value $Kms 'provider')
        Endpoint = (Get-Value $Kms 'endpoint'); Instance = (Get-Value $Kms 'instance')
    }
}

# ---- what the source says ----

function Get-Known {
    param($Entries, [string] $Kind)
    $objects = @{}
    foreach ($entry in $Entries) {
        if ($entry.kind -eq "$Kind.added") { $objects[$entry.body.uuid] = $entry.body }
    }
    foreach ($entry in $Entries) {
        if ($entry.kind -ne "$Kind.changed" -or -not $objects.ContainsKey($entry.body.uuid)) { continue }
        foreach ($field in $entry.body.set.PSObject.Properties) {
            $objects[$entry.body.uuid] | Add-Member -NotePropertyName $field.Name -NotePropertyValue $field.Value.value -Force
        }
    }
    return $objects
}

function Read-Copy {
    param([string] $Folder)
    $seen = @{}
    $entries = foreach ($file in Get-ChildItem -LiteralPath (Join-Path $Folder 'log') -Recurse -Filter '*.ndjson') {
        foreach ($line in [IO.File]::ReadAllLines($file.FullName)) {
            if ($line -notmatch '"kind":"(key|wrap|root|kms)\.') { continue }
            $entry = $line | ConvertFrom-Json
            $name = '{0} {1}' -f $entry.author, $entry.seq
            if (-not $seen.ContainsKey($name)) {
                $seen[$name] = $true
                $entry
            }
        }
    }
    $entries = @($entries | Sort-Object -Property { [string] $_.at })
    $roots = Get-Known $entries 'root'
    $kmss = Get-Known $entries 'kms'
    # Wraps that came later, by key: a look at all entries for each key would take hours in a large copy.
    $later = @{}
    foreach ($added in $entries) {
        if ($added.kind -ne 'wrap.added') { continue }
        $name = [string] $added.body.key
        if (-not $later.ContainsKey($name)) { $later[$name] = New-Object System.Collections.ArrayList }
        [void] $later[$name].Add($added)
    }
    foreach ($made in $entries | Where-Object { $_.kind -eq 'key.created' }) {
        $wraps = @()
        foreach ($wrap in @(Get-Value $made.body 'wraps')) {
            if ($null -ne $wrap) { $wraps += [pscustomobject]@{ At = $made.at; Wrap = $wrap } }
        }
        if ($later.ContainsKey([string] $made.body.uuid)) {
            foreach ($added in $later[[string] $made.body.uuid]) {
                $wraps += [pscustomobject]@{ At = $added.at; Wrap = $added.body.wrap }
            }
        }
        [pscustomobject]@{
            Name = $made.body.name; Generation = [int] $made.body.generation; Uuid = $made.body.uuid; Form = $made.body.form
            Wraps = @(foreach ($w in $wraps) {
                    $root = $roots[[string] $w.Wrap.root]
                    $kms = $kmss[[string] (Get-Value $root 'kms')]
                    New-Wrap $w.At (Get-Value $w.Wrap 'aad') $w.Wrap.ciphertext $root $kms
                })
        }
    }
}

function Read-Export {
    param([string] $File)
    $export = [IO.File]::ReadAllLines($File)[0] | ConvertFrom-Json
    foreach ($key in $export.keys) {
        [pscustomobject]@{
            Name = $key.name; Generation = [int] $key.generation; Uuid = $key.uuid; Form = $key.form
            Wraps = @(foreach ($wrap in $key.wraps) {
                    New-Wrap $wrap.at (Get-Value $wrap 'aad') $wrap.ciphertext $wrap.root (Get-Value $wrap 'kms')
                })
        }
    }
}

# A label stands in columns 3 to 14, its value from column 15 on.
function Read-Page {
    param([string] $File)
    $key = $null
    $wrap = $null
    foreach ($line in [IO.File]::ReadAllLines($File)) {
        if ($line -match '^([^ ].*)@([0-9]+)$') {
            if ($null -ne $key) { $key }
            $key = [pscustomobject]@{ Name = $Matches[1]; Generation = [int] $Matches[2]; Uuid = ''; Form = ''; Wraps = @() }
            $wrap = $null
        }
        elseif ($null -ne $key -and $line.StartsWith('  ') -and $line.Length -gt 14) {
            $label = $line.Substring(2, 12).Trim()
            $value = $line.Substring(14)
            if ($label -eq 'wrap') {
                $wrap = New-Wrap ($value -replace '^made ', '' -replace ' .*$', '') @() '' $null $null
                $key.Wraps += $wrap
            }
            elseif ($label -eq 'uuid') { $key.Uuid = $value }
            elseif ($label -eq 'form') { $key.Form = ($value -split ':')[0] }
            elseif ($null -ne $wrap) {
                switch ($label) {
                    'root key' { $wrap.Id = ($value -split ' ')[-1] }
                    'KMS' { $wrap.Kms = $value }
                    'ring' { $wrap.Ring = $value }
                    'endpoint' { $wrap.Endpoint = $value }
                    'instance' { $wrap.Instance = $value }
                    'file' { $wrap.Provider = 'local' }
                    'aad' { $wrap.Aad = @($value | ConvertFrom-Json) }
                    'wdek' { $wrap.Ciphertext = $value }
                }
            }
        }
    }
    if ($null -ne $key) { $key }
}

if (Test-Path -LiteralPath (Join-Path $Source 'log') -PathType Container) { $keys = @(Read-Copy $Source) }
elseif (Test-Path -LiteralPath $Source -PathType Leaf) {
    $first = [IO.File]::ReadAllLines((Resolve-Path -LiteralPath $Source).ProviderPath)[0]
    if ($first -match '^KEYS of escrow ') { $keys = @(Read-Page (Resolve-Path -LiteralPath $Source).ProviderPath) }
    elseif ($first -match '"type":"export"') { $keys = @(Read-Export (Resolve-Path -LiteralPath $Source).ProviderPath) }
    else { throw "$Source is no copy, no KEYS.txt and no export" }
}
else { throw "$Source is not there, or has no folder log" }

if (-not $Key) {
    return $keys | ForEach-Object { '{0}@{1}   {2}' -f $_.Name, $_.Generation, $_.Uuid }
}

$chosen = @($keys | Where-Object { $_.Uuid -eq $Key -or $_.Name -ceq $Key -or ('{0}@{1}' -f $_.Name, $_.Generation) -ceq $Key })
if ($chosen.Count -eq 0) { throw "no key $Key in it; without -Key all are listed" }
$newest = ($chosen | Measure-Object -Property Generation -Maximum).Maximum
$chosen = @($chosen | Where-Object { $_.Generation -eq $newest })
if ($chosen.Count -ne 1) { throw "$Key stands for more than one key; name it by its UUID: $($chosen.Uuid -join ', ')" }
$chosen = $chosen[0]

# ---- the KMS ----

function ConvertTo-Plain {
    param([Security.SecureString] $Secret)
    $at = [Runtime.InteropServices.Marshal]::SecureStringToBSTR($Secret)
    try { return [Runtime.InteropServices.Marshal]::PtrToStringBSTR($at) }
    finally { [Runtime.InteropServices.Marshal]::ZeroFreeBSTR($at) }
}

function Get-Token {
    if ($null -eq $script:ApiKey) { $script:ApiKey = Read-Host -Prompt 'IBM Cloud API key' -AsSecureString }
    $form = 'grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=' +
        [Uri]::EscapeDataString((ConvertTo-Plain $script:ApiKey).Trim())
    $answer = Invoke-RestMethod -Method Post -Uri ($Iam.TrimEnd('/') + '/identity/token') -Body $form -MaximumRedirection 0 `
        -ContentType 'application/x-www-form-urlencoded' -Headers @{ Accept = 'application/json' }
    return $answer.access_token
}

# The endpoint comes from the source, which anybody may have written: only IBM's hosts are taken from there.
function Test-Endpoint {
    param([string] $Url)
    return $Url -match '^https://[a-z0-9.-]+\.(kms\.cloud\.ibm\.com|kms\.appdomain\.cloud|hs-crypto\.cloud\.ibm\.com|hs-crypto\.appdomain\.cloud)(:[0-9]+)?(/[a-z0-9/]*)?$'
}

$token = $null
$plaintext = $null
foreach ($wrap in $chosen.Wraps | Sort-Object -Property { [string] $_.At } -Descending) {
    $label = "wrap of $($wrap.At) under root key $($wrap.Id) in $($wrap.Kms)"
    if ($Root -and $wrap.Id -ne $Root) { continue }
    if ($wrap.Provider -eq 'local') {
        Write-Warning "${label}: a local KMS is a sealed file; keymuster alone opens it"
        continue
    }
    $url = $wrap.Endpoint
    if ($Endpoint) { $url = $Endpoint }
    if (-not $url -or $wrap.Id -notmatch '^[A-Za-z0-9_-]+$' -or $wrap.Instance -notmatch '^[A-Za-z0-9_-]+$') {
        Write-Warning "${label}: which instance, endpoint and root key is not known here"
        continue
    }
    if (-not $Endpoint -and -not (Test-Endpoint $url)) {
        Write-Warning "${label}: its endpoint $url is not IBM's; if you trust it, name it with -Endpoint"
        continue
    }
    if ($null -eq $token) { $token = Get-Token }
    $headers = @{ Authorization = "Bearer $token"; 'Bluemix-Instance' = $wrap.Instance; Accept = 'application/json' }
    if ($wrap.Ring) { $headers['X-Kms-Key-Ring'] = $wrap.Ring }
    $body = @{ ciphertext = $wrap.Ciphertext }
    if ($wrap.Aad.Count -gt 0) { $body['aad'] = @($wrap.Aad) }
    $path = ($url.TrimEnd('/') -replace '/api/v2(/keys)?$', '') + "/api/v2/keys/$($wrap.Id)/actions/unwrap"
    try {
        $answer = Invoke-RestMethod -Method Post -Uri $path -Headers $headers -MaximumRedirection 0 `
            -ContentType 'application/vnd.ibm.kms.key_action_unwrap+json' `
            -Body ([Text.Encoding]::UTF8.GetBytes((ConvertTo-Json -Compress -InputObject $body)))
        $plaintext = $answer.plaintext
        Write-Verbose "${label}: opened"
        break
    }
    catch { Write-Warning "${label}: $($_.Exception.Message)" }
}
$token = $null
if (-not $plaintext) { throw "no wrap of $Key could be opened" }

# ---- the password ----

switch ($chosen.Form) {
    'base64' { $password = $plaintext }
    'bytes' { $password = (New-Object Text.UTF8Encoding $false, $true).GetString([Convert]::FromBase64String($plaintext)) }
    default { throw "the form of the password is not known: $($chosen.Form)" }
}
$plaintext = $null

if ($To) {
    $bytes = (New-Object Text.UTF8Encoding $false).GetBytes($password)
    $file = New-Object IO.FileStream $To, ([IO.FileMode]::CreateNew)
    try { $file.Write($bytes, 0, $bytes.Length) } finally { $file.Dispose() }
    Write-Warning "$To has the permissions of its folder; a password in a file must be replaced"
}
elseif ($Show) {
    [Console]::Out.WriteLine($password)
    Write-Warning 'clear the screen; a password that was seen must be replaced'
}
else {
    $secure = New-Object Security.SecureString
    foreach ($c in $password.ToCharArray()) { $secure.AppendChar($c) }
    $secure.MakeReadOnly()
    $secure
}
$password = $null
