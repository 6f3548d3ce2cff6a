# Embeds the scripts and runbooks of recovery/, which are laid into every copy (copy/recovery_scripts.h).
include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
set(out "/* made by cmake/recovery.cmake */\n#include \"copy/recovery_scripts.h\"\n")
set(rows "")
set(count 0)
foreach(name recover-without-keymuster.sh powershell/unwrap-offline.ps1
    powershell/keymuster-ssh.ps1 powershell/create-key.ps1 powershell/rewrap-key.ps1 powershell/recover-key.ps1 powershell/export-keys.ps1 runbooks/total-loss.md runbooks/root-key-loss.md
    runbooks/kms-loss.md runbooks/store-loss.md runbooks/exposed-key.md runbooks/primary-returns.md runbooks/leaving-hpcs.md
    runbooks/person-leaves.md)
  embed_bytes(bytes ${CMAKE_SOURCE_DIR}/recovery/${name})
  string(APPEND out "static const unsigned char text_${count}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${name}\", (const char *)text_${count}, sizeof text_${count} - 1},\n")
  math(EXPR count "${count} + 1")
endforeach()
string(APPEND out "const struct recovery_script recovery_scripts[] = {\n${rows}};\nconst size_t recovery_script_count = ${count};\n")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/recovery_scripts.c CONTENT "${out}" @ONLY)
